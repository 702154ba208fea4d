import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, Env } from '../env/app.ts'
import { describeWithPostgres, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { createDatabase, PostgresServer } from '../env/postgres.ts'
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

describeWithPostgres('A service whose PostgreSQL fails over to its standby, and back', () => {
  const clock = new Clock()
  let one: PostgresServer
  let two: PostgresServer
  let url: string
  let env: Env
  let users: PairUser[]
  beforeAll(async () => {
    one = await PostgresServer.start({ durable: true })
    url = await createDatabase(one.url)
    two = await one.startStandby()
    const both = new URL(url)
    const hosts = [one, two].map(server => new URL(server.url).host).join()
    const DATABASE_URL = `postgres://postgres@${hosts}${both.pathname}?target_session_attrs=read-write`
    env = await Env.start({ DATABASE_URL, DATABASE_POOL_SIZE: '5' }, { now: clock.now, logger: silent })
    users = []
    for (let i = 0; i < 4; i++) users.push(await connectUser(env))
  })
  afterAll(async () => {
    await env.stop()
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
  })

  const ready = async (): Promise<number> => (await fetch(`${env.app.httpUrl}/health/ready`)).status

  /** Stops the primary in good order, so that its standby has everything, and makes that the primary. */
  async function failOver(from: PostgresServer, to: PostgresServer): Promise<void> {
    await from.stop('fast')
    await until(async () => (await ready()) === 503, 'the service is not ready')
    // The standby would take reads; but who is to be served is who can write.
    expect(await ready()).toBe(503)
    await to.promote()
    const promoted = performance.now()
    await until(async () => (await ready()) === 200, 'the service is ready')
    expect(performance.now() - promoted).toBeLessThan(paced(1_000))
  }

  test('loses and repeats nothing, and writes within a second of each promotion', async () => {
    const pairs = [0, 2].map(i => new PersistentPair(users[i]!, users[i + 1]!))
    const stops = pairs.map(pair => pair.start())
    const progress = async (): Promise<void> => {
      const goals = pairs.map(({ done }) => done.length + 10)
      await until(() => pairs.every(({ done }, i) => done.length >= goals[i]!), 'everybody goes on')
    }
    await progress()
    await failOver(one, two)
    await progress()
    await one.follow(two)
    await progress()
    await failOver(two, one)
    await progress()
    await Promise.all(stops.map(stop => stop()))

    await using log = await LogReader.open(url)
    for (const pair of pairs) {
      await pair.check(log)
      expect(pair.failures.filter(text => !PUBLIC_ERRORS.includes(text))).toEqual([])
    }
    expect(await collect(users[0]!.user.client.getFriends())).toBeDefined()
    expect(users.map(({ inbox }) => inbox.ended)).toEqual(users.map(() => null))
  }, 120_000)
})
