import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { connectUser, type PairUser } from './persistent-pair.ts'
import { TcpProxy } from './tcp-proxy.ts'

const TIMEOUTS = { DATABASE_CONNECT_TIMEOUT: '500ms', DATABASE_STATEMENT_TIMEOUT: '1s' }

describeWithPostgres('A service whose PostgreSQL says nothing any more', () => {
  let proxy: TcpProxy
  let env: Env
  let users: PairUser[]
  beforeAll(async () => {
    proxy = await TcpProxy.start(await freshPostgres())
    env = await Env.start({ DATABASE_URL: proxy.url, ...TIMEOUTS }, { logger: silent })
    users = []
    for (let i = 0; i < 4; i++) users.push(await connectUser(env))
  })
  afterAll(async () => {
    await env.stop()
    await proxy[Symbol.asyncDispose]()
  })

  const succeeds = (call: Promise<unknown>): Promise<boolean> =>
    call.then(
      () => true,
      () => false
    )

  test('keeps nobody waiting for ever, and goes on when it speaks again', async () => {
    proxy.inspect = () => 'swallow'
    const started = performance.now()
    const calls = users.flatMap(({ user }, i) => {
      const other = users[(i + 1) % users.length]!.user.address
      return Array.from({ length: 10 }, (_, n) => [
        user.client.requestFriendship(other, `${n}`),
        user.client.getRequestEvents(),
        collect(user.client.getFriends())
      ]).flat()
    })
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(/^The (database is not available|outcome is not known)/) }
      })
    }
    // A statement that gets no answer is given up a second after its time limit, and then perhaps tried once more.
    expect(performance.now() - started).toBeLessThan(paced(8_000))
    expect((await fetch(`${env.app.httpUrl}/health/live`)).status).toBe(200)

    proxy.inspect = () => 'pass'
    const [alice, bob] = users as [PairUser, PairUser]
    await until(() => succeeds(collect(alice.user.client.getFriends())), 'the database serves again')
    await until(() => succeeds(alice.user.client.requestFriendship(bob.user.address, 'hi')), 'a write succeeds')
    await until(() => bob.inbox.events.some(({ request }) => request?.message === 'hi'), 'the update comes')
    expect(users.map(({ inbox }) => inbox.ended)).toEqual(users.map(() => null))
  })
})
