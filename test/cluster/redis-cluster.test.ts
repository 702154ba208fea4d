import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ChannelMessage } from '../../src/cluster/channel.ts'
import { Counters } from '../../src/cluster/counters.ts'
import { RateLimit } from '../../src/cluster/rate-limit.ts'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import { tryRedis } from '../../src/cluster/redis-check.ts'
import { slotOf } from '../../src/cluster/slot-map.ts'
import type { Address } from '../../src/domain/address.ts'
import type { MessagesLost } from '../../src/domain/events.ts'
import { Env } from '../env/app.ts'
import { describeWithRedis, freshPostgres, postgresUrl, silent } from '../env/databases.ts'
import { metric } from '../env/metric.ts'
import { RedisCluster } from '../env/redis-cluster.ts'
import { until } from '../env/until.ts'
import { newUser, newUsers } from '../storage/stores.ts'
import { countsTogether } from './counted-together.ts'

const TOPIC = 'social-service:sharded'
const topicOf = (user: Address): string => `${TOPIC}:user:${user}`

let seq = 0
function eventFor(target: Address) {
  seq += 1
  const before = { previous: 'none', previousActor: null, message: null } as const
  const event = { kind: 'pair', seq, actor: newUser(), target, action: 'request', ...before, at: seq } as const
  return { kind: 'pair-event', after: 0, event } as const
}

test.each([
  ['', 0],
  ['foo', 12_182],
  ['{user1000}.following', 3443],
  ['foo{}{bar}', 8363],
  ['foo{{bar}}zap', 4015],
  ['foo{bar}{zap}', 5061]
])('the slot of "%s" is that of Redis', (key, slot) => {
  expect(slotOf(key)).toBe(slot)
})

describeWithRedis('a channel over a Redis Cluster', () => {
  let redis: RedisCluster
  const opened: { close(): unknown }[] = []
  beforeAll(async () => {
    redis = await RedisCluster.start()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  /** The channel of one instance, and what it brought. */
  async function start(url = redis.url) {
    const channel = new RedisChannel({ url, instance: randomUUID(), topic: TOPIC, logger: silent })
    opened.push(channel)
    await until(() => channel.isConnected, 'messages flow')
    const received: (ChannelMessage | MessagesLost)[] = []
    channel.subscribe(message => received.push(message))
    const hear = (user: Address): Promise<() => void> =>
      new Promise(resolve => {
        const release = channel.listen(user, () => resolve(release))
      })
    const losses = (): number => received.filter(({ kind }) => kind === 'messages-lost').length
    return { channel, received, hear, losses }
  }
  type Instance = Awaited<ReturnType<typeof start>>

  /** What is sent to each of these users comes, though perhaps not at once. */
  async function flows({ channel }: Instance, { received }: Instance, users: readonly Address[]): Promise<void> {
    for (const user of users) {
      const event = eventFor(user)
      await until(() => {
        channel.sendTo([user], event)
        return received.some(message => 'event' in message && message.event.seq === event.event.seq)
      }, 'it comes')
    }
  }

  test('brings what is sent to users of every master once, to those who listen alone', async () => {
    const [sender, listener, other] = [await start(), await start(redis.urlOfAll), await start()]
    const users = newUsers(30)
    expect(new Set(users.map(user => redis.serverOf(topicOf(user)))).size).toBe(3)
    const releases = await Promise.all(users.map(listener.hear))
    const events = users.map(eventFor)
    for (const event of events) sender.channel.sendTo([event.event.target], event)
    const last = eventFor(newUser())
    sender.channel.send(last)
    await until(() => listener.received.length >= events.length + 1, 'all came')
    await until(() => other.received.length >= 1, 'what is for all came')
    expect(listener.received).toHaveLength(events.length + 1)
    expect(new Set(listener.received)).toEqual(new Set([...events, last]))
    expect(other.received).toEqual([last])

    for (const release of releases) release()
    await listener.hear(newUser())
    for (const event of events) sender.channel.sendTo([event.event.target], event)
    await flows(sender, listener, [])
    sender.channel.send(last)
    await until(() => listener.received.length >= events.length + 2, 'the last one came')
    expect(listener.received.length).toBeLessThanOrEqual(events.length + 2)
  })

  test('follows a slot to another master, and says what may have been lost', async () => {
    const [sender, listener] = [await start(), await start()]
    const users = newUsers(6)
    for (const user of users) await listener.hear(user)
    await redis.moveSlot(topicOf(users[0]!))
    await until(() => listener.losses() > 0, 'it is said')
    await flows(sender, listener, users)
  })

  test('notices a master that delivers nothing though its connections live', async () => {
    const { channel, hear, losses } = await start()
    const user = newUser()
    await hear(user)
    const server = redis.serverOf(topicOf(user))
    server.freeze()
    await until(() => !channel.isConnected, 'it is away')
    server.thaw()
    await until(() => channel.isConnected && losses() > 0, 'messages flow again')
  })

  test('counts limits together, each key on its master', async () => {
    let local = 0
    const limits = [redis.url, redis.urlOfAll].map(url => {
      const counters = new Counters(url, silent)
      opened.push(counters)
      return new RateLimit({ name: 'x', scope: 'here', perMinute: 10, counters, onLocal: () => (local += 1) })
    })
    for (const limit of limits) await countsTogether(limit, () => local)
    local = 0
    for (const user of newUsers(10)) {
      const takes = limits.flatMap(limit => Array.from({ length: 8 }, () => limit.take(user)))
      const results = await Promise.allSettled(takes)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    }
    expect(local).toBe(0)
  })

  test('is used by the check of the configuration', async () => {
    for (const url of [redis.url, redis.urlOfAll]) expect(await tryRedis(url, TOPIC)).toBe(3)
  })

  test.skipIf(postgresUrl === null)('brings a push from one instance of the service to another', async () => {
    const settings = { DATABASE_URL: await freshPostgres(), DATABASE_POOL_SIZE: '4', REDIS_URL: redis.urlOfAll }
    const [here, there] = [await Env.start(settings), await Env.start(settings)]
    try {
      for (const { app } of [here, there]) {
        await until(async () => (await fetch(`${app.httpUrl}/health/ready`)).status === 200, 'it is ready')
        expect(await metric(app.httpUrl, 'metrics', 'social_redis_connected')).toBe(1)
      }
      const [alice, bob] = [await here.login(), await there.login()]
      const inbox = await there.updates(bob)
      await alice.client.requestFriendship(bob.address)
      await until(() => inbox.events.length === 1, 'it is pushed')
    } finally {
      await Promise.all([here.stop(), there.stop()])
    }
  })

  // The last one: from then on a server is missing.
  test('goes on with the replica of a master that was killed', async () => {
    const [sender, listener] = [await start(), await start(redis.urlOfAll)]
    const users = newUsers(6)
    for (const user of users) await listener.hear(user)
    const counters = new Counters(redis.urlOfAll, silent)
    opened.push(counters)
    let local = 0
    const limit = new RateLimit({ name: 'y', scope: 'here', perMinute: 1000, counters, onLocal: () => (local += 1) })
    await countsTogether(limit, () => local)
    // The first node of the URL: what is known of the cluster is enough.
    const key = Array.from({ length: 100 }, newUser).find(user => redis.serverOf(topicOf(user)).url === redis.url)!
    const takeOver = await redis.addReplica(topicOf(key))
    await listener.hear(key)
    await redis.serverOf(topicOf(key)).stop('SIGKILL')
    await until(() => !listener.channel.isConnected, 'it is away')
    // Nobody waits for it.
    for (const user of newUsers(5)) await limit.take(user)
    await takeOver()
    await until(() => listener.channel.isConnected && listener.losses() > 0, 'messages flow again')
    await flows(sender, listener, [...users, key])
    await countsTogether(limit, () => local)
  })
})
