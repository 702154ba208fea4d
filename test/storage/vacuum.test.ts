import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAddress } from '../../src/domain/address.ts'
import { Database } from '../../src/storage/db/database.ts'
import { migrate } from '../../src/storage/db/migrator.ts'
import { MIGRATIONS } from '../../src/storage/migrations/index.ts'
import { describeWithPostgres, LIMITS, silent } from '../env/databases.ts'
import { createDatabase, PostgresServer } from '../env/postgres.ts'
import { until } from '../env/until.ts'

const USERS = 30_000
const FRIENDS = 100

// Each friend of the user is on a page of the table where nobody else is a friend of theirs.
const PAIRS = `insert into pair (lo, hi, version, last_action, actor_is_lo, acted_at)
  select case when n % ${USERS / FRIENDS} = 0 then '0x' || repeat('0', 40) else '0x' || lpad(to_hex(n), 40, '0') end,
    '0xf' || lpad(to_hex(n), 39, '0'), n, 2, true, n
  from generate_series(1, ${USERS}) n`
/** A tenth of the pairs, on all pages. The default of PostgreSQL waits for a fifth. */
const CHANGES = 'update pair set version = version + 1000000 where version % 10 = 1'
const LIST = `explain (analyze, format json) select hi from pair where lo = $1 and last_action = 2 order by hi`

interface Step {
  readonly 'Heap Fetches'?: number
  readonly Plans?: readonly Step[]
}

describeWithPostgres('The table of pairs', () => {
  let server: PostgresServer
  let client: Client
  beforeAll(async () => {
    server = await PostgresServer.start({ durable: false, settings: ['autovacuum_naptime=1s'] })
    const url = await createDatabase(server.url)
    const db = await Database.open({ ...LIMITS, url }, silent)
    await migrate(db, MIGRATIONS)
    await db.close()
    client = new Client({ connectionString: url })
    await client.connect()
    await client.query(PAIRS)
    // While the server itself looks at the table, somebody may still not see all of it.
    await until(async () => {
      await client.query('vacuum analyze pair')
      return (await lookups()) === 0
    }, 'lists are read from the index alone')
  })
  afterAll(async () => {
    await client?.end()
    await server?.[Symbol.asyncDispose]()
  })

  /** How many friends a list had to look up in the table, because the index alone does not say that they can be seen. */
  async function lookups(): Promise<number> {
    const user = parseAddress(`0x${'0'.repeat(40)}`)
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Step }] }>(LIST, [user])
    const sum = (step: Step): number =>
      (step['Heap Fetches'] ?? 0) + (step.Plans ?? []).reduce((total, below) => total + sum(below), 0)
    return sum(rows[0]!['QUERY PLAN'][0].Plan)
  }

  test('is vacuumed before lists have to look up in it most of their friends', async () => {
    await client.query('begin')
    await client.query(CHANGES)
    // Nothing can be vacuumed that this transaction still sees.
    expect(await lookups()).toBe(FRIENDS)
    await client.query('commit')
    await until(async () => (await lookups()) === 0, 'lists are read from the index alone again')
  })
})
