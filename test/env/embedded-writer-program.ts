import { createLogger } from '../../src/observability/logger.ts'
import { Database } from '../../src/storage/db/database.ts'
import { paced } from './pace.ts'

// Writes numbers to an embedded database, as fast as it can, and says each that was acknowledged: `node … <folder>`.
const logger = createLogger({ level: 'error', format: 'json' })
const dataDir = process.argv[2] ?? ''
const db = await Database.open(
  { dataDir, poolSize: 1, connectTimeoutMs: paced(5_000), statementTimeoutMs: paced(10_000) },
  logger
)
await db.rows({ name: 'create', text: 'create table if not exists number (n bigint primary key)' }, [])
const NEXT = { name: 'next', text: 'insert into number select coalesce(max(n), 0) + 1 from number returning n' }
for (;;) {
  const [row] = await db.rows<[number]>(NEXT, [])
  process.stdout.write(`${row?.[0]}\n`)
}
