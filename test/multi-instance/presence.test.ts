import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Wallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis, freshPostgres } from '../env/databases.ts'
import { metric } from '../env/metric.ts'
import { paced } from '../env/pace.ts'
import { PresenceClient } from '../env/presence-client.ts'
import { RedisServer } from '../env/redis.ts'
import { until } from '../env/until.ts'
import { connectivity, listen, loginV2 } from '../env/v2.ts'

/** Longer than the second in which a position goes from one instance to another. */
const GRACE = `${paced(2_000)}ms`

const METRICS_TOKEN = 'metrics'

const metricOf = ({ app }: Env, series: string): Promise<number> => metric(app.httpUrl, METRICS_TOKEN, series)

/** How many instances one knows of, itself included. */
const known = (env: Env): Promise<number> => metricOf(env, 'social_instances')

async function user(env: Env, wallet?: Wallet): Promise<PresenceClient> {
  const client = await PresenceClient.connect(env.app, wallet)
  env.onStop(() => client.disconnect())
  return client
}

describeWithRedis('two instances', () => {
  let redis: RedisServer
  let one: Env
  let two: Env
  beforeAll(async () => {
    redis = await RedisServer.start()
    const settings = { DATABASE_URL: await freshPostgres(), REDIS_URL: redis.url, PRESENCE_GRACE: GRACE, METRICS_TOKEN }
    one = await Env.start(settings)
    two = await Env.start(settings)
  })
  afterAll(async () => {
    await one.stop()
    await two.stop()
    await redis[Symbol.asyncDispose]()
  })

  it('know of each other, and of the users of both', async () => {
    for (const env of [one, two]) await until(async () => (await known(env)) === 2, 'both are known')
    const [alice, bob] = [await user(one), await user(two)]
    await Promise.all([alice.onlineFriends(), bob.onlineFriends()])
    for (const env of [one, two]) {
      await until(async () => (await metricOf(env, 'social_users_online{on="all"}')) >= 2, 'both are online')
      for (const direction of ['sent', 'received']) {
        expect(await metricOf(env, `social_presence_messages_total{direction="${direction}"}`)).toBeGreaterThan(0)
      }
    }
  })

  it('send a v2 user the connectivity of friends on the other one', async () => {
    const [alice, bob] = [await user(one), await user(two)]
    await alice.befriend(bob)
    const onV2 = await loginV2(one, alice.wallet)
    const comings = await listen(one, alice.address, onV2.client.subscribeToFriendConnectivityUpdates())
    expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
    bob.disconnect()
    expect(connectivity(await comings.next())).toBe(`${bob.address} offline`)
    await (await user(two, bob.wallet)).onlineFriends()
    expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
  })

  it('show the friends of both who are online, and where they are', async () => {
    const [alice, bob, carol] = [await user(one), await user(two), await user(one)]
    await alice.befriend(bob)
    await alice.befriend(carol)
    await until(async () => (await alice.onlineFriends()).flat().length === 2, 'both friends are online')
    await bob.heartbeat({ realm: 'bob', x: '1' })
    const seen = alice.observe()
    await until(() => seen.last('bob')?.x === '1', 'the position arrives')
    await bob.heartbeat({ realm: 'bob', x: '2' })
    await carol.heartbeat({ realm: 'carol' })
    await until(() => seen.last('bob')?.x === '2' && seen.last('carol') !== undefined, 'the positions arrive')
    const onV2 = await loginV2(two, bob.wallet)
    await onV2.client.blockUser(alice.address)
    expect((await alice.onlineFriends()).flat()).toEqual([carol.address])
  })
})

describeWithRedis('an instance that is restarted', () => {
  it('lets its users change over without anybody being shown as offline', async () => {
    await using redis = await RedisServer.start()
    // Long enough to come back on a machine that has more to do.
    const settings = {
      DATABASE_URL: await freshPostgres(),
      REDIS_URL: redis.url,
      PRESENCE_GRACE: `${paced(10_000)}ms`,
      METRICS_TOKEN
    }
    const instances = [await Env.start(settings), await Env.start(settings)] as const
    const [one, two] = instances
    try {
      const [alice, bob] = [await user(two), await user(one)]
      await alice.befriend(bob)
      const onV2 = await loginV2(two, alice.wallet)
      const comings = await listen(two, alice.address, onV2.client.subscribeToFriendConnectivityUpdates())
      expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
      const stopping = one.stop()
      const back = await user(two, bob.wallet)
      await back.onlineFriends()
      await stopping
      await until(async () => (await known(two)) === 1, 'the other one is gone')
      await using again = await Env.start(settings)
      await until(async () => (await known(two)) === 2, 'it is back')
      // Updates come in their order.
      const carol = await user(again)
      await carol.onlineFriends()
      await until(async () => (await metricOf(two, 'social_users_online{on="all"}')) === 3, 'all three are online')
      await alice.befriend(carol)
      expect(connectivity(await comings.next())).toBe(`${carol.address} online`)
    } finally {
      for (const instance of instances) await instance.stop()
    }
  })
})

describeWithRedis('an instance that is killed', () => {
  it('takes its users with it within 30 seconds, but for those who came back elsewhere', async () => {
    await using cluster = await Cluster.start(2)
    const [alice, bob, carol] = [
      await PresenceClient.connect(cluster.instance(0)),
      await PresenceClient.connect(cluster.instance(1)),
      await PresenceClient.connect(cluster.instance(1))
    ]
    await alice.befriend(bob)
    await alice.befriend(carol)
    const online = async (): Promise<string[]> => (await alice.onlineFriends()).flat()
    await until(async () => (await online()).length === 2, 'both friends are online')
    await cluster.instance(1).process.stop('SIGKILL')
    const back = await PresenceClient.connect(cluster.instance(0), carol.wallet)
    await back.onlineFriends()
    expect(await online()).toHaveLength(2)
    const isRight = async (): Promise<boolean> => (await online()).join() === carol.address
    await until(isRight, 'those alone are online who came back', 30_000)
    for (const client of [alice, back]) client.disconnect()
  })
})
