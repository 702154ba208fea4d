import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { createLogger } from '../../../src/observability/logger.ts'
import { ConnectionLostError, Database } from '../../../src/storage/db/database.ts'
import { EmbeddedEngine } from '../../../src/storage/db/embedded.ts'
import { freshDatabase, freshDataDir, freshFolder, LIMITS, silent } from '../../env/databases.ts'
import { startWriter } from '../../env/embedded-writer.ts'
import { paced } from '../../env/pace.ts'
import { until } from '../../env/until.ts'

/** Longer than a test: nothing is vacuumed. */
const NEVER_MS = 3_600_000
const NUMBERS = { name: 'numbers', text: 'select n from number order by n' }
const SLEEP = { name: 'sleep', text: 'select pg_sleep(5)' }

test('what was acknowledged is there after the process was killed', async () => {
  await using folder = await freshDataDir()
  let acknowledged: readonly number[] = []
  for (let round = 1; round <= 2; round++) {
    const writer = await startWriter(folder.path)
    const goal = writer.acknowledged.length + 200
    await until(() => writer.acknowledged.length >= goal, 'more is written')
    await writer.kill()
    acknowledged = [...acknowledged, ...writer.acknowledged]
  }
  const db = await Database.open({ ...LIMITS, dataDir: folder.path }, silent)
  const stored = new Set((await db.rows<[number]>(NUMBERS, [])).map(([n]) => n))
  await db.close()
  expect(acknowledged.length).toBeGreaterThan(400)
  expect(acknowledged.filter(n => !stored.has(n))).toEqual([])
})

test('a process that was killed before its database was complete leaves nothing in the way', async () => {
  await using folder = await freshFolder()
  await mkdir(join(folder.path, 'postgres.new'))
  await writeFile(join(folder.path, 'postgres.new', 'PG_VERSION'), '18\n')
  const db = await Database.open({ ...LIMITS, dataDir: folder.path }, silent)
  await db.ping()
  await db.close()
})

test('a start waits for it longer than a request would', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', format: 'json', destination: { write: line => void lines.push(line) } })
  await using fresh = await freshDatabase('embedded', { connectTimeoutMs: 500 }, logger)
  let [begun, end] = [false, (): void => undefined]
  const holding = fresh.db.maintain(() => {
    begun = true
    return new Promise<void>(resolve => (end = resolve))
  })
  await until(() => begun, 'something else has the connection')
  lines.length = 0
  const starting = fresh.db.maintain(async () => 'started')
  await until(() => lines.some(line => line.includes('No database connection could be had')), 'it was tried once')
  end()
  await holding
  expect(await starting).toBe('started')
})

test('a folder that cannot be opened is named in the error, and not kept locked', async () => {
  await using folder = await freshFolder()
  await mkdir(join(folder.path, 'postgres'))
  await writeFile(join(folder.path, 'postgres', 'PG_VERSION'), '9.1\n')
  const opening = () => Database.open({ ...LIMITS, dataDir: folder.path }, silent)
  await expect(opening()).rejects.toThrow(`The embedded database in ${folder.path} could not be opened`)
  await expect(opening()).rejects.toThrow(`The embedded database in ${folder.path} could not be opened`)
})

test('an engine that has died fails every call and the health check at once', async () => {
  const workers: Worker[] = []
  const collect = (message: unknown) => workers.push((message as { worker: Worker }).worker)
  const lines: string[] = []
  const logger = createLogger({ level: 'error', format: 'json', destination: { write: line => lines.push(line) } })
  subscribe('worker_threads', collect)
  await using fresh = await freshDatabase('embedded', {}, logger)
  unsubscribe('worker_threads', collect)

  await fresh.db.ping()
  const running = [fresh.db.rows(SLEEP, []), fresh.db.retryableRows(NUMBERS, [])]
  const outcomes = Promise.allSettled(running)
  await workers[0]?.terminate()
  expect(await outcomes).toMatchObject([
    { reason: expect.any(ConnectionLostError) },
    { reason: { code: 'unavailable' } }
  ])
  await expect(fresh.db.ping()).rejects.toMatchObject({ code: 'unavailable' })
  expect(lines.join()).toContain('The embedded database has stopped')
})

test('an engine that hangs fails every call and the health check, and does not keep the process from ending', async () => {
  const times = { statementTimeoutMs: paced(2_000), connectTimeoutMs: paced(4_000) }
  const fresh = await freshDatabase('embedded', times)
  const isWell = () =>
    fresh.db.ping().then(
      () => true,
      () => false
    )
  await until(isWell, 'the engine answers')
  const forever = {
    name: 'forever',
    text: 'with recursive r as (select 1 union all select 1 from r) select count(*) from r'
  }
  await expect(fresh.db.rows(forever, [])).rejects.toThrow(ConnectionLostError)
  await expect(fresh.db.ping()).rejects.toMatchObject({ code: 'unavailable' })
  await fresh[Symbol.asyncDispose]()
})

test('an engine that crashes says why, and takes neither the process nor a caller with it', async () => {
  await using folder = await freshDataDir()
  const lines: string[] = []
  const logger = createLogger({ level: 'error', format: 'json', destination: { write: line => lines.push(line) } })
  const engine = await EmbeddedEngine.start(folder.path, logger, NEVER_MS)
  const waiting = connect(engine)
  // PGlite ends itself over a greeting that names no user.
  engine.connect().write(Buffer.from('\0\0\0\x09\0\x03\0\0\0', 'latin1'))
  await expect(waiting).rejects.toThrow()
  await until(() => lines.length === 2, 'the reason and the end are logged')
  expect(lines.join()).toMatch(/The embedded database failed.*The embedded database has stopped/s)
  await expect(connect(engine)).rejects.toThrow('The embedded database has stopped')
  await engine.close()
})

test('computes beside the main thread: timers stay on time', async () => {
  await using fresh = await freshDatabase('embedded')
  const busy = fresh.db.rows({ name: 'busy', text: 'select count(*) from generate_series(1, 3000000)' }, [])
  let ticks = 0
  const ticking = setInterval(() => ticks++, 1)
  await busy
  clearInterval(ticking)
  expect(ticks).toBeGreaterThan(20)
})

test('a new connection starts clean: no transaction, no prepared statement of the one before', async () => {
  await using folder = await freshDataDir()
  const engine = await EmbeddedEngine.start(folder.path, silent, NEVER_MS)
  const first = await connect(engine)
  await first.query('create table number (n int)')
  await first.query('begin')
  await first.query({ name: 'insert', text: 'insert into number values (1) returning n' })
  const second = await connect(engine)
  expect(await second.query({ name: 'insert', text: 'insert into number values (2)' })).toMatchObject({ rowCount: 1 })
  expect((await second.query('select n from number')).rows).toEqual([{ n: 2 }])
  await expect(first.query('select 1')).rejects.toThrow(/connection error|terminated/)
  await second.end()
  await engine.close()
})

test('clears away what was deleted', async () => {
  await using folder = await freshDataDir()
  const engine = await EmbeddedEngine.start(folder.path, silent, 50)
  const client = await connect(engine)
  await client.query('create table number as select generate_series(1, 50000) as n')
  const size = async (): Promise<number> => {
    const { rows } = await client.query(`select pg_relation_size('number')::int as size`)
    return rows[0].size
  }
  const before = await size()
  await client.query('begin; delete from number; commit')
  await until(async () => (await size()) < before / 10, 'the table is small again')
  await client.end()
  await engine.close()
})

async function connect(engine: EmbeddedEngine): Promise<Client> {
  const client = new Client({ user: 'postgres', database: 'postgres', ssl: false, stream: () => engine.connect() })
  client.on('error', () => {})
  await client.connect()
  return client
}
