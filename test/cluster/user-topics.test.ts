import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ChannelMessage, MAX_MESSAGE_LENGTH } from '../../src/cluster/channel.ts'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import type { Address } from '../../src/domain/address.ts'
import type { MessagesLost } from '../../src/domain/events.ts'
import { describeWithRedis, silent } from '../env/databases.ts'
import { RedisServer } from '../env/redis.ts'
import { until } from '../env/until.ts'
import { newUser } from '../storage/stores.ts'

const TOPIC = 'social-service:topics'
const actor = newUser()

type PairMessage = Extract<ChannelMessage, { kind: 'pair-event' }>
let seq = 0
function eventFor(target: Address, message: string | null = null): PairMessage {
  seq += 1
  const before = { previous: 'none', previousActor: null } as const
  return {
    kind: 'pair-event',
    after: 0,
    event: { kind: 'pair', seq, actor, target, action: 'request', ...before, message, at: seq }
  }
}

describeWithRedis('messages to those who listen to a user', () => {
  let redis: RedisServer
  let admin: Redis
  const channels: RedisChannel[] = []
  beforeAll(async () => {
    redis = await RedisServer.start()
    admin = new Redis(redis.url)
  })
  afterEach(async () => {
    for (const channel of channels.splice(0)) await channel.close()
  })
  afterAll(async () => {
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  /** The channel of one instance, and what it brought. */
  async function start() {
    const channel = new RedisChannel({ url: redis.url, instance: randomUUID(), topic: TOPIC, logger: silent })
    channels.push(channel)
    await until(() => channel.isConnected, 'messages flow')
    const received: (ChannelMessage | MessagesLost)[] = []
    channel.subscribe(message => received.push(message))
    const hear = (user: Address): Promise<() => void> =>
      new Promise(resolve => {
        const release = channel.listen(user, () => resolve(release))
      })
    return { channel, received, hear }
  }

  /** How often Redis was called with a command so far. */
  async function calls(command: string): Promise<number> {
    const statistics = await admin.info('commandstats')
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(statistics)?.[1] ?? 0)
  }
  const subscribers = async (user: Address): Promise<number> =>
    Number((await admin.pubsub('NUMSUB', `${TOPIC}:user:${user}`))[1])

  test('come to every instance that listens to the user, once, and to no other', async () => {
    const [sender, one, two, other] = [await start(), await start(), await start(), await start()]
    const [alice, bob] = [newUser(), newUser()]
    for (const { hear } of [sender, one, two]) await hear(alice)
    await one.hear(alice)
    await other.hear(bob)
    const event = eventFor(alice, 'a\0b "é"')
    sender.channel.sendTo([alice], event)
    await until(() => [one, two].every(({ received }) => received.length === 1), 'it came')
    const last = eventFor(alice)
    sender.channel.send(last)
    await until(() => [one, two, other].every(({ received }) => received.some(is(last))), 'the last one came')
    expect(one.received).toEqual([event, last])
    expect(two.received).toEqual([event, last])
    expect(other.received).toEqual([last])
    expect(sender.received).toEqual([])
  })

  test('come no more when the last one who listened has stopped, and again when another one listens', async () => {
    const [sender, { received, hear }] = [await start(), await start()]
    const alice = newUser()
    const releases = [await hear(alice), await hear(alice)]
    releases[0]?.()
    releases[0]?.()
    sender.channel.sendTo([alice], eventFor(alice, 'one'))
    await until(() => received.length === 1, 'one comes')
    releases[1]?.()
    await until(async () => (await subscribers(alice)) === 0, 'nobody is subscribed')
    sender.channel.sendTo([alice], eventFor(alice, 'nobody hears it'))
    const again = await hear(alice)
    // Within one turn the subscription stays what it is.
    const before = await calls('unsubscribe')
    again()
    await hear(alice)
    sender.channel.sendTo([alice], eventFor(alice, 'two'))
    await until(() => received.length === 2, 'two comes')
    expect(received).toMatchObject([{ event: { message: 'one' } }, { event: { message: 'two' } }])
    expect(await calls('unsubscribe')).toBe(before)
  })

  test('are one message for each user in a turn of the event loop, in their order', async () => {
    const [sender, { received, hear }] = [await start(), await start()]
    const [alice, bob] = [newUser(), newUser()]
    for (const user of [alice, bob]) await hear(user)
    const probes = await calls('publish')
    const events = Array.from({ length: 200 }, () => eventFor(alice))
    for (const event of events) sender.channel.sendTo([alice, bob], event)
    await until(() => received.length === 400, 'all came')
    for (const user of [0, 1]) expect(received.slice(200 * user, 200 * (user + 1))).toEqual(events)
    expect((await calls('publish')) - probes).toBeLessThan(20)
  })

  test('are split where they are too long for one, and one that is too long by itself is left out', async () => {
    const [sender, { received, hear }] = [await start(), await start()]
    const alice = newUser()
    await hear(alice)
    const long = 'x'.repeat(MAX_MESSAGE_LENGTH / 3)
    const messages = [long, 'short', long, long, 'x'.repeat(MAX_MESSAGE_LENGTH), long, 'the last one']
    for (const message of messages) sender.channel.sendTo([alice], eventFor(alice, message))
    const texts = () => received.map(message => ('event' in message ? message.event.message : null))
    await until(() => texts().includes('the last one'), 'all came')
    expect(texts()).toEqual(messages.filter(({ length }) => length < MAX_MESSAGE_LENGTH))
  })

  test('take one command for hundreds of users to subscribe to, and after a lost connection too', async () => {
    const [sender, { channel, received, hear }] = [await start(), await start()]
    const users = Array.from({ length: 1200 }, newUser)
    const before = await calls('subscribe')
    await Promise.all(users.map(hear))
    expect((await calls('subscribe')) - before).toBe(3)
    expect(channel.users).toBe(1200)
    await admin.client('KILL', 'TYPE', 'PUBSUB')
    await until(() => received.some(({ kind }) => kind === 'messages-lost'), 'it is connected again')
    received.length = 0
    const events = [users[0], users[700], users[1199]].map(user => eventFor(user!))
    await until(() => sender.channel.isConnected, 'the other one too')
    for (const event of events) sender.channel.sendTo([event.event.target], event)
    await until(() => received.length === 3, 'all came')
    expect(received).toEqual(events)
    expect((await calls('subscribe')) - before).toBeLessThan(10)
  })

  test('are not understood when they are something else', async () => {
    const [sender, { received, hear }] = [await start(), await start()]
    const alice = newUser()
    await hear(alice)
    const event = eventFor(alice)
    const { event: right } = event
    const wrong = [
      { ...event, event: { ...right, actor: 'alice' } },
      { ...event, event: { ...right, seq: -1 } },
      null,
      []
    ]
    for (const text of ['', '{', '{"from":"x","messages":{}}', 'x'.repeat(2 * MAX_MESSAGE_LENGTH)]) {
      await admin.publish(`${TOPIC}:user:${alice}`, text)
    }
    await admin.publish(
      `${TOPIC}:user:${alice}`,
      JSON.stringify({ from: 'x', messages: [...wrong, { kind: 'of a later release' }, event] })
    )
    sender.channel.sendTo([alice], event)
    await until(() => received.length >= 2, 'what is understood came')
    expect(received).toEqual([event, event])
  })
})

const is =
  ({ event }: PairMessage) =>
  (message: ChannelMessage | MessagesLost): boolean =>
    'event' in message && message.event.seq === event.seq
