import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, Env } from '../env/app.ts'
import { describeWithPostgres, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { createDatabase, PostgresServer, terminateConnections } from '../env/postgres.ts'
import { Clock } from '../env/service.ts'
import { until } from '../env/until.ts'
import { LogReader } from './log-reader.ts'
import { connectUser, type PairUser, PersistentPair } from './persistent-pair.ts'

/** What a client may be answered instead of an acknowledgement. */
const PUBLIC_ERRORS = [
  'The database is not available, try again',
  'The outcome is not known, look and try again',
  'Too much happens at once, try again'
]
const POOL_SIZE = 5

describeWithPostgres('A service whose PostgreSQL fails', () => {
  const clock = new Clock()
  let server: PostgresServer
  let url: string
  let env: Env
  let log: LogReader
  let users: PairUser[]
  beforeAll(async () => {
    server = await PostgresServer.start({ durable: true })
    url = await createDatabase(server.url)
    const settings = { DATABASE_URL: url, DATABASE_POOL_SIZE: `${POOL_SIZE}` }
    env = await Env.start(settings, { now: clock.now, logger: silent })
    log = await LogReader.open(url)
    users = []
    for (let i = 0; i < 8; i++) users.push(await connectUser(env))
  })
  afterAll(async () => {
    await env.stop()
    await log[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const ready = async (): Promise<number> => (await fetch(`${env.app.httpUrl}/health/ready`)).status

  /** Lets pairs act while something happens to the server, and compares what they, the log and the updates say. */
  async function underLoad(happen: () => Promise<void>): Promise<PersistentPair[]> {
    for (const { inbox } of users) inbox.events.length = 0
    const pairs = [0, 2, 4, 6].map(i => new PersistentPair(users[i]!, users[i + 1]!))
    const known = (await log.all()).at(-1)?.seq ?? 0
    const stops = pairs.map(pair => pair.start())
    const progress = async (): Promise<void> => {
      const goals = pairs.map(({ done }) => done.length + 10)
      await until(() => pairs.every(({ done }, i) => done.length >= goals[i]!), 'everybody goes on')
    }
    await progress()
    await happen()
    await progress()
    await Promise.all(stops.map(stop => stop()))
    for (const pair of pairs) {
      await pair.check(log.since(known))
      expect(pair.failures.filter(text => !PUBLIC_ERRORS.includes(text))).toEqual([])
    }
    await expectHealthyPool()
    return pairs
  }

  async function expectHealthyPool(): Promise<void> {
    const calls = users.flatMap(({ user }) => Array.from({ length: 10 }, () => collect(user.client.getFriends())))
    expect(await Promise.all(calls)).toHaveLength(80)
    expect(await ready()).toBe(200)
    const states = {
      name: 'states',
      text: `select coalesce(string_agg(distinct state, ' '), ''), count(*)
      from pg_stat_activity where application_name = 'social-service' and pid <> pg_backend_pid()
        and datname = current_database() and state <> 'active'`
    }
    const [[state, count] = []] = await log.db.retryableRows<[string, number]>(states, [])
    expect(state).toBe('idle')
    expect(count).toBeLessThanOrEqual(POOL_SIZE)
  }

  test.each(['immediate', 'fast'] as const)('loses and repeats nothing when it is stopped: %s', async mode => {
    await underLoad(async () => {
      for (let i = 0; i < 2; i++) {
        await server.stop(mode)
        await server.start()
      }
    })
  })

  test('loses and repeats nothing when connections break between and within statements', async () => {
    await underLoad(async () => {
      for (let i = 0; i < 20; i++) await terminateConnections(url)
    })
  })

  test('answers at once while it is away, keeps its sockets, and serves within a second when it is back', async () => {
    await server.stop('immediate')
    const stopped = performance.now()
    const calls = users.flatMap(({ user }, i) => {
      const other = users[(i + 1) % users.length]!.user.address
      return [user.client.requestFriendship(other), user.client.getRequestEvents(), collect(user.client.getFriends())]
    })
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { message: PUBLIC_ERRORS[0] } })
    }
    expect(performance.now() - stopped).toBeLessThan(paced(2_000))
    expect(await ready()).toBe(503)
    await server.start()
    const started = performance.now()
    await until(async () => (await ready()) === 200, 'the service is ready')
    await collect(users[0]!.user.client.getFriends())
    expect(performance.now() - started).toBeLessThan(paced(1_000))
    expect(users.map(({ inbox }) => inbox.ended)).toEqual(users.map(() => null))
  })
})
