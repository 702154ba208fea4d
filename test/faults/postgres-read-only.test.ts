import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../src/observability/logger.ts'
import { Database } from '../../src/storage/db/database.ts'
import { describeWithPostgres, LIMITS } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { createDatabase, execute, onServer, PostgresServer } from '../env/postgres.ts'
import { until } from '../env/until.ts'
import { TcpProxy } from './tcp-proxy.ts'

const CREATE = { name: 'create', text: 'create table thing (id bigint generated always as identity)' }
const INSERT = { name: 'insert', text: 'insert into thing default values' }
/** What a connection to a server that takes no writes is at least, when it is known to be one of before. */
const OLD_MS = 300
const POOL_SIZE = 6
const COUNT = { name: 'count', text: 'select count(*) from thing' }
/** A write that was refused has said so, and nothing of PostgreSQL's own words. */
const UNAVAILABLE = { name: 'SocialError', code: 'unavailable', message: 'The database is not available, try again' }

/** A name that leads to the primary, then to its standby, and to the primary again: as after a failover and back. */
describeWithPostgres('A database whose name leads to a server that takes no writes', () => {
  const lines: string[] = []
  let primary: PostgresServer
  let standby: PostgresServer
  let proxy: TcpProxy
  let url: string
  let db: Database
  let loops: { stop(): Promise<void> }[] = []
  beforeAll(async () => {
    primary = await PostgresServer.start({ durable: false })
    url = await createDatabase(primary.url)
    proxy = await TcpProxy.start(url)
    const destination = { write: (line: string) => void lines.push(line) }
    const logger = createLogger({ level: 'info', format: 'json', destination })
    db = await Database.open({ ...LIMITS, poolSize: POOL_SIZE, url: proxy.url }, logger)
    await db.rows(CREATE, [])
    standby = await primary.startStandby()
  })
  beforeEach(async () => {
    await toPrimary()
    await until(() => succeeds(db.rows(INSERT, [])), 'it is written')
    lines.length = 0
  })
  afterAll(async () => {
    await db.close()
    await proxy[Symbol.asyncDispose]()
    await standby[Symbol.asyncDispose]()
    await primary[Symbol.asyncDispose]()
  })

  async function toStandby(): Promise<void> {
    proxy.retarget(onServer(url, standby))
    proxy.breakAll()
    // What is read once on each has found out that it broke.
    await Promise.all(Array.from({ length: POOL_SIZE }, () => db.retryableRows(COUNT, [])))
  }

  /** Connections to the standby stay: nothing breaks when a name leads elsewhere. */
  async function toPrimary(): Promise<void> {
    proxy.retarget(url)
  }

  /** Keeps all connections in use. */
  function repeat(count: number, work: () => Promise<unknown>): void {
    let isOver = false
    const loop = async (): Promise<void> => {
      while (!isOver) await work()
    }
    const running = Array.from({ length: count }, loop)
    loops.push({
      stop: async () => {
        isOver = true
        await Promise.all(running)
      }
    })
  }

  async function stopAll(): Promise<void> {
    for (const loop of loops) await loop.stop()
    loops = []
  }

  const succeeds = (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => true,
      () => false
    )

  test('serves reads, refuses writes as unavailable, is not well, and says so once', async () => {
    await toStandby()
    for (let i = 0; i < 10; i++) {
      await expect(db.rows(INSERT, [])).rejects.toMatchObject(UNAVAILABLE)
      await expect(db.transaction(tx => tx.rows(INSERT, []))).rejects.toMatchObject(UNAVAILABLE)
      await expect(db.ping()).rejects.toMatchObject({ code: 'unavailable' })
      expect(await db.retryableRows(COUNT, [])).toHaveLength(1)
    }
    const said = (level: string) => lines.map(line => JSON.parse(line)).filter(line => line.level === level)
    expect(
      said('warn')
        .map(({ msg }) => msg)
        .filter(msg => !/idle|could be had/.test(msg))
    ).toEqual(['The database takes no writes'])
    await toPrimary()
    await until(() => said('info').some(({ msg }) => msg === 'The database takes writes again'), 'it says so')
  })

  test('takes the first write after the primary is back, of a writer that comes rarely', async () => {
    await toStandby()
    repeat(12, () => succeeds(db.retryableRows(COUNT, [])))
    await expect(db.rows(INSERT, [])).rejects.toMatchObject(UNAVAILABLE)
    // From here on nobody writes, and all connections are in use by readers.
    await until(() => db.connections.waiting > 0, 'the pool is busy')
    const busy = performance.now()
    await until(() => performance.now() - busy > OLD_MS, 'the connections are not new any more')
    await toPrimary()
    await db.rows(INSERT, [])
    await db.ping()
    await stopAll()
  })

  test('takes all writes within a second of the return of the primary, with a busy pool', async () => {
    await toStandby()
    let [failures, lastFailure] = [0, 0]
    repeat(24, async () => {
      if (await succeeds(db.rows(INSERT, []))) return
      failures += 1
      lastFailure = performance.now()
    })
    repeat(8, () => succeeds(db.retryableRows(COUNT, [])))
    await until(() => failures > 100, 'writes are refused')
    await toPrimary()
    const back = performance.now()
    const [[before] = []] = await db.retryableRows<[number]>(COUNT, [])
    await until(async () => (await db.retryableRows<[number]>(COUNT, []))[0]![0] > before! + 500, 'it is written')
    await until(() => performance.now() - back > 1_500, 'time has passed')
    await stopAll()
    expect(lastFailure - back).toBeLessThan(paced(1_000))
    await db.ping()
  })

  test('takes writes within a second when a server is read only for a while', async () => {
    const set = async (value: 'on' | 'off'): Promise<void> => {
      await execute(primary.url, `alter system set default_transaction_read_only = ${value}`)
      await execute(primary.url, 'select pg_reload_conf()')
    }
    let lastFailure = 0
    repeat(12, async () => {
      if (!(await succeeds(db.rows(INSERT, [])))) lastFailure = performance.now()
    })
    await set('on')
    await until(() => lastFailure > 0, 'writes are refused')
    await until(async () => !(await succeeds(db.ping())), 'it is not well')
    await execute(`${primary.url}?options=-c%20default_transaction_read_only=off`, 'alter system reset all')
    await execute(primary.url, 'select pg_reload_conf()')
    const back = performance.now()
    await until(() => performance.now() - back > 1_500, 'time has passed')
    await stopAll()
    expect(lastFailure - back).toBeLessThan(paced(1_000))
    await db.ping()
  })
})
