import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SilentChannel } from '../../src/cluster/channel.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { NO_PAIR, type PairAction } from '../../src/domain/friendship.ts'
import { FriendIndex } from '../../src/presence/friend-index.ts'
import { FriendLocations } from '../../src/presence/friend-locations.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { Locations } from '../../src/presence/locations.ts'
import { OpenSubscriptions } from '../../src/subscriptions/open-subscriptions.ts'
import { LocalBus } from '../env/local-bus.ts'

const userOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}` as Address
const [alice, bob, carol] = [userOf(1), userOf(2), userOf(3)]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

/** The positions of Alice's friends, over the real parts, but for the database. */
class World {
  readonly presence = new LocalPresence(0)
  readonly bus = new LocalBus(error => {
    throw error
  })
  readonly friends = new Set<Address>()
  readonly subscriptions = new OpenSubscriptions()
  readonly #locations: Locations
  readonly #friendLocations: FriendLocations
  #seq = 0

  constructor(...friends: Address[]) {
    const { presence, bus, subscriptions } = this
    for (const friend of friends) this.friends.add(friend)
    const locators = { locatorsOf: () => [], onLocate: () => () => undefined }
    const options = { locators, channel: new SilentChannel(), lifetimeMs: 120_000, onMessage: () => undefined }
    const locations = new Locations({ ...options, presence })
    const friendIndex = new FriendIndex({
      lists: { friends: async () => ({ items: [...this.friends], total: this.friends.size }) },
      friendships: { read: async () => ({ ...NO_PAIR, version: 1, lastAction: 'accept' as const }) },
      readTimeoutMs: 0,
      maxFriends: 10_000,
      bus
    })
    this.#locations = locations
    this.#friendLocations = new FriendLocations({
      friendIndex,
      presence,
      locations,
      subscriptions,
      maxMessageBytes: 98_304
    })
  }

  move(user: Address, realm: string): void {
    if (!this.presence.isOnline(user)) this.presence.connect(user)
    this.#locations.set(user, { realm })
  }

  happen(action: PairAction, friend: Address): void {
    this.#seq += 1
    const pair = { actor: friend, target: alice, previousActor: alice }
    const event: PairEvent = {
      ...pair,
      kind: 'pair',
      seq: this.#seq,
      action,
      previous: 'accepted',
      message: null,
      at: 0
    }
    this.bus.publish(event)
  }

  /** The messages to Alice on a new stream, and when they came. */
  watch(signal = new AbortController().signal) {
    const messages: { readonly at: number; readonly realms: string[] }[] = []
    const listen = async (): Promise<void> => {
      const subscriber = { address: alice, tokenHash: null, signal, acknowledged: () => 0 }
      const stream = await this.#friendLocations.open(subscriber)
      // As the edge does: it asks only when it is called back.
      const next = () => new Promise<void>(resolve => stream.whenReady(resolve)).then(() => stream.next())
      for (let result = await next(); !result.done; result = await next()) {
        messages.push({ at: performance.now(), realms: result.value.map(({ realm = '' }) => realm) })
      }
    }
    const ended = listen()
    return { messages, ended }
  }
}

describe('the positions of friends', () => {
  it('are sent at most once a second, and at least every other second', async () => {
    const world = new World(bob)
    world.move(bob, '0')
    const watched = []
    for (let n = 0; n < 40; n += 1) {
      watched.push(world.watch())
      await pass(33)
    }
    for (let step = 1; step <= 1000; step += 1) {
      world.move(bob, `${step}`)
      await pass(10)
    }
    await pass(4200)
    for (const { messages } of watched) {
      const gaps = messages.slice(1).map(({ at }, index) => at - (messages[index]?.at ?? 0))
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000)
      // The first gap began before anybody moved.
      expect(Math.max(...gaps.slice(1))).toBeLessThanOrEqual(2100)
      expect(messages.at(-1)?.realms).toEqual(['1000'])
    }
  })

  it('are spread over two seconds, whatever happens at one moment', async () => {
    const world = new World(bob)
    const watched = Array.from({ length: 400 }, () => world.watch())
    await pass(3000)
    world.move(bob, 'here')
    const sentPerStep: number[] = []
    for (let sent = 0; sent < 400; ) {
      await pass(50)
      const sentNow = watched.filter(({ messages }) => messages.length > 0).length
      sentPerStep.push(sentNow - sent)
      sent = sentNow
    }
    expect(Math.max(...sentPerStep)).toBeLessThanOrEqual(20)
  })

  it('do not show a friend of before, also when they moved before', async () => {
    const world = new World(bob, carol)
    const { messages } = world.watch()
    await pass(3000)
    world.move(bob, 'before the block')
    world.move(carol, 'carol')
    world.happen('block', bob)
    await pass(3000)
    expect(messages.flatMap(({ realms }) => realms)).toEqual(['carol'])
  })

  it('show a new friend', async () => {
    const world = new World()
    const { messages } = world.watch()
    world.move(bob, 'here')
    await pass(3000)
    expect(messages).toEqual([])
    world.happen('accept', bob)
    await pass(3000)
    expect(messages.flatMap(({ realms }) => realms)).toEqual(['here'])
  })

  it('come at most 500 in one message', async () => {
    const crowd = Array.from({ length: 1200 }, (_, n) => userOf(1000 + n))
    const world = new World(...crowd)
    for (const user of crowd) world.move(user, `${Number(user)}`)
    const { messages } = world.watch()
    await pass(9000)
    expect(messages.map(({ realms }) => realms.length)).toEqual([500, 500, 200])
    expect(new Set(messages.flatMap(({ realms }) => realms)).size).toBe(1200)
  })

  it('come in messages of a bounded size, however long they are', async () => {
    const crowd = Array.from({ length: 300 }, (_, n) => userOf(1000 + n))
    const world = new World(...crowd)
    for (const user of crowd) world.move(user, `${Number(user)}`.padEnd(256, '界'))
    const { messages } = world.watch()
    await pass(9000)
    expect(messages).toHaveLength(3)
    for (const { realms } of messages) expect(Buffer.byteLength(realms.join(''))).toBeLessThanOrEqual(98_304)
    expect(new Set(messages.flatMap(({ realms }) => realms)).size).toBe(300)
  })
})

describe('a stream', () => {
  it('leaves nothing behind, however it ends, and no timer when it was the last', async () => {
    const world = new World(bob)
    const timers = vi.getTimerCount()
    for (let cycle = 0; cycle < 1000; cycle += 1) {
      const abort = new AbortController()
      const { ended } = world.watch(abort.signal)
      if (cycle % 2 === 0) await pass(1)
      abort.abort()
      await ended
    }
    expect(world.subscriptions.sizeOf(alice)).toBe(0)
    expect(vi.getTimerCount()).toBe(timers)
  })

  it('ends when the service stops', async () => {
    const world = new World(bob)
    const { ended } = world.watch()
    await pass(10)
    world.subscriptions.close()
    await ended
    expect(world.subscriptions.sizeOf(alice)).toBe(0)
  })
})
