import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bus } from '../../src/cluster/bus.ts'
import { type Channel, SilentChannel } from '../../src/cluster/channel.ts'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../../src/domain/events.ts'
import { EventFeed } from '../../src/updates/event-feed.ts'
import { describeWithRedis, silent } from '../env/databases.ts'
import { LocalBus } from '../env/local-bus.ts'
import { RedisServer } from '../env/redis.ts'
import { RedisCluster } from '../env/redis-cluster.ts'
import { until } from '../env/until.ts'
import { newUser, Stores } from '../storage/stores.ts'

/** So that nothing is received but because it was published. */
const NEVER_MS = 3_600_000

/** Makes a bus as one instance has it, over a log that all of them share; its failures go to `errors`. */
type CreateBus = (stores: Stores, errors: unknown[]) => Promise<Bus>

/** What every bus does, over any channel. */
function suite(kind: 'embedded' | 'postgres', instances: number, create: CreateBus): void {
  let stores: Stores
  const errors: unknown[] = []
  const buses: Bus[] = []
  beforeAll(async () => {
    stores = await Stores.open(kind)
    for (let count = 0; count < instances; count += 1) buses.push(await create(stores, errors))
  })
  afterAll(async () => {
    for (const bus of buses) await bus.close()
    await stores[Symbol.asyncDispose]()
  })

  const request = () => stores.act(newUser(), 'request', newUser(), { message: 'hi' }) as Promise<PairEvent>

  /** Listens on every instance until the end of the test, also to what concerns these users. */
  function listen(...users: Address[]): { readonly received: SocialEvent[][]; leave(): void } {
    const received: SocialEvent[][] = buses.map(() => [])
    const leaves = buses.map((bus, at) =>
      bus.subscribe(event => void (event.kind !== 'messages-lost' && received[at]?.push(event)))
    )
    for (const bus of buses) for (const user of users) leaves.push(bus.follow(user))
    return { received, leave: () => leaves.forEach(leave => void leave()) }
  }

  const allReceive = (received: readonly SocialEvent[][], count: number): Promise<void> =>
    until(() => received.every(events => events.length >= count), `every instance received ${count} events`)

  test('brings every listener on every instance everything once, what is of one pair in its order', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const [first, second] = [listen(alice), listen(bob)]
    const events: PairEvent[] = []
    for (const [at, action] of (['request', 'cancel', 'request', 'block'] as const).entries()) {
      const event = (await stores.act(alice, action, bob)) as PairEvent
      buses[at % buses.length]?.publish(event, events.at(-1)?.seq)
      events.push(event)
    }
    for (const { received, leave } of [first, second]) {
      await allReceive(received, events.length)
      for (const instance of received) expect(instance).toEqual(events)
      leave()
    }
  })

  test('brings every instance which sessions ended', async () => {
    const { received, leave } = listen()
    const ended: SessionsEnded = { kind: 'sessions-ended', address: newUser(), tokenHashes: ['ab'.repeat(32)] }
    buses[0]?.publish(ended)
    await allReceive(received, 1)
    for (const instance of received) expect(instance).toEqual([ended])
    leave()
  })

  test('goes on with the others when a listener fails, and says so', async () => {
    const failing = buses.map(bus =>
      bus.subscribe(() => {
        throw new Error('A listener failed')
      })
    )
    const event = await request()
    const { received, leave } = listen(event.target)
    errors.length = 0
    buses[0]?.publish(event)
    await allReceive(received, 1)
    expect(errors).toHaveLength(buses.length)
    for (const stop of [...failing, leave]) stop()
  })

  test('brings nothing to a listener that unsubscribed', async () => {
    const event = await request()
    const [before, after] = [listen(event.actor), listen(event.actor)]
    before.leave()
    buses[0]?.publish(event)
    await allReceive(after.received, 1)
    expect(before.received.flat()).toEqual([])
    after.leave()
  })

  test('brings nothing any more when it is closed', async () => {
    const closed = await create(stores, errors)
    const received: SocialEvent[] = []
    closed.subscribe(event => received.push(event))
    const event = await request()
    closed.follow(event.target)
    await closed.close()
    received.length = 0
    const others = listen(event.target)
    closed.publish(event)
    buses[0]?.publish(event)
    await allReceive(others.received, 1)
    expect(received).toEqual([])
    others.leave()
  })
}

/** The bus of the service, with something that carries its messages. */
function overLog(channel: () => Channel): CreateBus {
  return async ({ log }, errors) => {
    const carrier = channel()
    await until(() => carrier.isConnected, 'messages flow')
    return EventFeed.open({ log, channel: carrier, sweepMs: NEVER_MS, onError: error => errors.push(error) })
  }
}

describe('the bus of one instance by itself', () => {
  const channel = new SilentChannel()
  suite(
    'embedded',
    1,
    overLog(() => channel)
  )
})

describeWithRedis('the bus of three instances over Redis', () => {
  let redis: RedisServer
  const channels: Channel[] = []
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  afterAll(async () => {
    for (const channel of channels) await channel.close()
    await redis[Symbol.asyncDispose]()
  })
  const create = (): Channel => {
    const channel = new RedisChannel({ url: redis.url, instance: randomUUID(), topic: 'bus', logger: silent })
    channels.push(channel)
    return channel
  }
  suite('postgres', 3, overLog(create))
})

describeWithRedis('the bus of three instances over a Redis Cluster', () => {
  let redis: RedisCluster
  const channels: Channel[] = []
  beforeAll(async () => {
    redis = await RedisCluster.start()
  })
  afterAll(async () => {
    for (const channel of channels) await channel.close()
    await redis[Symbol.asyncDispose]()
  })
  const create = (): Channel => {
    const channel = new RedisChannel({ url: redis.url, instance: randomUUID(), topic: 'bus', logger: silent })
    channels.push(channel)
    return channel
  }
  suite('postgres', 3, overLog(create))
})

describe('the bus of tests that need no log', () => {
  suite('embedded', 1, async (_, errors) => new LocalBus(error => errors.push(error)))
})
