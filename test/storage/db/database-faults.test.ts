import { afterAll, beforeAll, expect, test } from 'vitest'
import { SocialError } from '../../../src/domain/errors.ts'
import { createLogger } from '../../../src/observability/logger.ts'
import { ConnectionLostError, Database } from '../../../src/storage/db/database.ts'
import { describeWithPostgres, type FreshDatabase, freshDatabase, LIMITS, silent } from '../../env/databases.ts'
import { paced } from '../../env/pace.ts'
import { createDatabase, PostgresServer, terminateConnections } from '../../env/postgres.ts'
import { until } from '../../env/until.ts'

const CREATE = { name: 'create', text: 'create table thing (id bigint primary key, n int not null)' }
const INSERT = { name: 'insert', text: 'insert into thing values ($1, 0)' }
const READ = { name: 'read', text: 'select n from thing where id = $1' }
const ADD = { name: 'add', text: 'update thing set n = n + 1 where id = $1' }
const IDS = { name: 'ids', text: 'select id from thing' }
const SLEEP = { name: 'sleep', text: 'select pg_sleep(30)' }
const BACKEND = { name: 'backend', text: 'select pg_backend_pid()' }
const REPEATABLE = { name: 'repeatable', text: 'set transaction isolation level repeatable read' }
const SLEEPERS = {
  name: 'sleepers',
  text: `select count(*) from pg_stat_activity where datname = current_database() and query = '${SLEEP.text}'`
}

describeWithPostgres('Concurrent transactions', () => {
  let fresh: FreshDatabase
  let db: Database
  beforeAll(async () => {
    fresh = await freshDatabase('postgres')
    db = fresh.db
    await db.rows(CREATE, [])
    for (const id of [1, 2, 3]) await db.rows(INSERT, [id])
  })
  afterAll(() => fresh[Symbol.asyncDispose]())

  test('a serialization failure is answered with another try', async () => {
    let attempts = 0
    await db.transaction(async tx => {
      await tx.rows(REPEATABLE, [])
      await tx.rows(READ, [1])
      if (++attempts === 1) await db.rows(ADD, [1])
      await tx.rows(ADD, [1])
    })
    expect(attempts).toBe(2)
    expect(await db.rows(READ, [1])).toEqual([[2]])
  })

  test('a deadlock is answered with another try', async () => {
    let attempts = 0
    let bothHold = () => {}
    const bothHoldOne = new Promise<void>(resolve => {
      bothHold = resolve
    })
    const crossing = (first: number, second: number): Promise<void> =>
      db.transaction(async tx => {
        await tx.rows(ADD, [first])
        if (++attempts === 2) bothHold()
        await bothHoldOne
        await tx.rows(ADD, [second])
      })
    await Promise.all([crossing(2, 3), crossing(3, 2)])
    // Perhaps more than once: on a busy machine the one that tries again can be back before the other goes on.
    expect(attempts).toBeGreaterThanOrEqual(3)
    expect([await db.rows(READ, [2]), await db.rows(READ, [3])]).toEqual([[[2]], [[2]]])
  })

  test('reads succeed although every connection breaks between two of them', async () => {
    for (let i = 0; i < 10; i++) {
      await Promise.all([1, 2, 3, 1].map(id => db.retryableRows(READ, [id])))
      const broken = terminateConnections(url(fresh))
      while (!(await isSettled(broken))) expect(await db.retryableRows(READ, [1])).toHaveLength(1)
    }
  })

  test('a transaction whose connection breaks before the commit is repeated', async () => {
    let attempts = 0
    await db.transaction(async tx => {
      await tx.rows(INSERT, [10])
      if (++attempts === 1) await terminateConnections(url(fresh))
      await tx.rows(ADD, [10])
    })
    expect([attempts, await db.rows(READ, [10])]).toEqual([2, [[1]]])
  })

  test('a write whose connection breaks is of unknown outcome', async () => {
    const write = db.rows(SLEEP, [])
    const outcome = expect(write).rejects.toThrow(ConnectionLostError)
    await until(async () => (await db.retryableRows<[number]>(SLEEPERS, []))[0]?.[0] === 1, 'the write is under way')
    await terminateConnections(url(fresh))
    await outcome
  })

  test('idle connections that break are logged, and nothing else', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'warn', format: 'json', destination: { write: line => lines.push(line) } })
    await using idle = await freshDatabase('postgres', {}, logger)
    await Promise.all([1, 2, 3].map(() => idle.db.ping()))
    await terminateConnections(url(idle))
    await until(() => lines.length === 3, 'each is logged')
    expect(lines.every(line => line.includes('An idle database connection broke'))).toBe(true)
    await idle.db.ping()
  })

  test('a statement that runs too long is ended by the server, and its connection stays', async () => {
    await using short = await freshDatabase('postgres', { poolSize: 1, statementTimeoutMs: 100 })
    const before = await short.db.rows(BACKEND, [])
    await expect(short.db.rows(SLEEP, [])).rejects.toMatchObject({ code: 'unavailable', cause: { code: '57014' } })
    expect(await short.db.rows(BACKEND, [])).toEqual(before)
  })

  test('a connection on which nothing comes any more is given up', async () => {
    await using short = await freshDatabase('postgres', { poolSize: 1, statementTimeoutMs: 100 })
    const [[backend] = []] = await short.db.rows<[number]>(BACKEND, [])
    process.kill(backend ?? 0, 'SIGSTOP')
    try {
      await expect(short.db.rows(CREATE, [])).rejects.toThrow(ConnectionLostError)
      await short.db.ping()
    } finally {
      process.kill(backend ?? 0, 'SIGCONT')
    }
  })
})

describeWithPostgres('A PostgreSQL that crashes', () => {
  let server: PostgresServer
  let db: Database
  beforeAll(async () => {
    server = await PostgresServer.start({ durable: true })
    db = await Database.open({ ...LIMITS, poolSize: 8, url: await createDatabase(server.url) }, silent)
    await db.rows(CREATE, [])
  })
  afterAll(async () => {
    await db.close()
    await server[Symbol.asyncDispose]()
  })

  test('fails calls at once while it is away, and serves them within a second when it is back', async () => {
    await server.stop('immediate')
    const stopped = performance.now()
    for (let i = 0; i < 20; i++) {
      await expect(db.retryableRows(READ, [1])).rejects.toMatchObject({ name: 'SocialError', code: 'unavailable' })
      await expect(db.ping()).rejects.toThrow(SocialError)
    }
    expect(performance.now() - stopped).toBeLessThan(LIMITS.connectTimeoutMs)
    await server.start()
    const started = performance.now()
    await until(() => succeeds(db.ping()), 'the database answers')
    expect(performance.now() - started).toBeLessThan(paced(1_000))
    await Promise.all(Array.from({ length: 100 }, () => db.retryableRows(READ, [1])))
  })

  test('keeps every write that was acknowledged', async () => {
    const acknowledged: number[] = []
    const unexpected: unknown[] = []
    let next = 0
    let isOver = false
    const write = async (): Promise<void> => {
      while (!isOver) {
        const id = next++
        await db.rows(INSERT, [id]).then(
          () => acknowledged.push(id),
          error => error instanceof SocialError || unexpected.push(error)
        )
      }
    }
    const writers = Array.from({ length: 16 }, write)
    for (let crash = 1; crash <= 3; crash++) {
      const goal = acknowledged.length + 200
      await until(() => acknowledged.length >= goal, 'writes are acknowledged')
      await server.stop('immediate')
      await server.start()
    }
    isOver = true
    await Promise.all(writers)
    expect(unexpected).toEqual([])
    const stored = new Set((await db.retryableRows<[number]>(IDS, [])).map(([id]) => id))
    expect(acknowledged.filter(id => !stored.has(id))).toEqual([])
  })

  test('does not keep callers waiting when it accepts connections and says nothing', async () => {
    const hasty = await Database.open({ ...LIMITS, connectTimeoutMs: 300, url: server.url }, silent)
    try {
      server.freeze()
      const started = performance.now()
      const calls = Array.from({ length: 20 }, () => hasty.retryableRows(IDS, []))
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
      }
      expect(performance.now() - started).toBeLessThan(paced(2_000))
      server.thaw()
      await until(() => succeeds(hasty.ping()), 'the database answers')
    } finally {
      await hasty.close()
    }
  })
})

function url(fresh: FreshDatabase): string {
  if (!('url' in fresh.options)) throw new Error('Not a PostgreSQL server')
  return fresh.options.url
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false
  )
}

async function isSettled(work: Promise<unknown>): Promise<boolean> {
  const first = await Promise.race([work, new Promise(resolve => setImmediate(resolve, 'pending'))])
  return first !== 'pending'
}
