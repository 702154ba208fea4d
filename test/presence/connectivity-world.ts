import { vi } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { NO_PAIR, type Pair, type PairAction } from '../../src/domain/friendship.ts'
import type { Paged } from '../../src/domain/page.ts'
import { Connectivity, type ConnectivityUpdate } from '../../src/presence/connectivity.ts'
import { FriendIndex } from '../../src/presence/friend-index.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { OpenSubscriptions } from '../../src/subscriptions/open-subscriptions.ts'
import type { Subscriber, Subscription } from '../../src/subscriptions/subscription.ts'
import { LocalBus } from '../env/local-bus.ts'

const addressOf = (digit: string): Address => `0x${digit.repeat(40)}` as Address
const ALICE = addressOf('a')

/** Users who become friends of the one who listens, or do not. */
export const FRIENDS: readonly Address[] = ['b', 'c', 'd'].map(addressOf)

/**
 * What can happen. A change of a pair is committed at once and heard of when it is delivered; a read is asked for by the
 * service, looks at some time, and is answered at some later time, `place` counts the reads that are under way.
 */
export type Operation =
  | { readonly kind: 'open' | 'deliver' | 'grace' }
  | { readonly kind: 'close' | 'look' | 'answer' | 'fail'; readonly place: number }
  | { readonly kind: 'befriend' | 'delete' | 'block' | 'connect' | 'disconnect'; readonly who: Address }

/** Alice, on a new device. */
export const subscriber = (signal: AbortSignal): Subscriber => ({
  address: ALICE,
  tokenHash: null,
  signal,
  acknowledged: () => 0
})

interface Read {
  look(): void
  answer(): void
  fail(): void
}

/** One stream of Alice, with what it brought. */
interface Device {
  readonly updates: Subscription<ConnectivityUpdate>
  readonly abort: AbortController
  readonly received: string[]
  /** Who was a friend at some time since the stream was asked for. */
  readonly wasFriend: Set<Address>
  /** Who is online, going by what was received. */
  online(): Address[]
}

/** Connectivity, among a database and a bus that take their time. */
export class World {
  readonly connectivity: Connectivity
  readonly devices: Device[] = []
  readonly failures: unknown[] = []
  /** Who was said to be online and was not, or was no friend at any time since the stream was asked for. */
  readonly lies: Address[] = []
  readonly #presence = new LocalPresence(0)
  readonly #subscriptions = new OpenSubscriptions()
  readonly #bus = new LocalBus(error => this.failures.push(error))
  readonly #friends = new Set<Address>()
  readonly #connections = new Map<Address, () => void>()
  readonly #undelivered: PairEvent[] = []
  readonly #isRead: boolean
  readonly #wereFriends: Set<Address>[] = []
  #reads: Read[] = []
  #seq = 0

  /** @param settings.isRead whether the streams are read at once, or never */
  constructor({ queueSize = 1000, isRead = true }: { queueSize?: number; isRead?: boolean } = {}) {
    this.#isRead = isRead
    const maxFriends = FRIENDS.length
    const friendIndex = new FriendIndex({
      lists: { friends: () => this.#read<Paged<Address>>(() => ({ items: [...this.#friends], total: 0 })) },
      friendships: { read: (a, b) => this.#read(() => this.#pair(a === ALICE ? b : a)) },
      bus: this.#bus,
      readTimeoutMs: 0,
      maxFriends
    })
    const [presence, subscriptions] = [this.#presence, this.#subscriptions]
    this.connectivity = new Connectivity({ friendIndex, presence, subscriptions, queueSize, maxFriends })
  }

  /** Streams that the service still has. */
  get size(): number {
    return this.#subscriptions.sizeOf(ALICE)
  }

  async do(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case 'open':
        this.#open()
        break
      case 'close': {
        const [device] = this.devices.splice(operation.place, 1)
        device?.abort.abort()
        break
      }
      case 'befriend':
        if (!this.#friends.has(operation.who)) this.#commit(operation.who, 'accept')
        break
      case 'delete':
      case 'block':
        if (this.#friends.has(operation.who)) this.#commit(operation.who, operation.kind)
        break
      case 'deliver': {
        const event = this.#undelivered.shift()
        if (event) this.#bus.publish(event)
        break
      }
      case 'look':
        this.#reads[operation.place]?.look()
        break
      case 'answer':
        this.#reads.splice(operation.place, 1)[0]?.answer()
        break
      case 'fail':
        this.#reads.splice(operation.place, 1)[0]?.fail()
        break
      case 'connect':
        if (!this.#connections.has(operation.who))
          this.#connections.set(operation.who, this.#presence.connect(operation.who))
        break
      case 'disconnect':
        this.#connections.get(operation.who)?.()
        this.#connections.delete(operation.who)
        break
      case 'grace':
        vi.advanceTimersByTime(1)
    }
    await new Promise(resolve => setImmediate(resolve))
  }

  /** Until nothing is waited for any more. */
  async settle(): Promise<void> {
    await this.do({ kind: 'grace' })
    while (this.#undelivered.length > 0 || this.#reads.length > 0) {
      await this.do({ kind: 'deliver' })
      await this.do({ kind: 'answer', place: 0 })
    }
  }

  friendsOnline(): Address[] {
    return [...this.#friends].filter(friend => this.#presence.isOnline(friend)).sort()
  }

  end(): void {
    this.connectivity.close()
    this.#subscriptions.close()
    this.#presence.close()
  }

  #open(): void {
    const abort = new AbortController()
    const wasFriend = new Set(this.#friends)
    this.#wereFriends.push(wasFriend)
    this.connectivity.open(subscriber(abort.signal)).then(
      updates => {
        const state = new Map<Address, boolean>()
        const online = () => [...state].flatMap(([friend, isOnline]) => (isOnline ? friend : [])).sort()
        const device: Device = { wasFriend, updates, abort, received: [], online }
        this.devices.push(device)
        if (this.#isRead) void this.#listen(device, state)
      },
      error => this.failures.push(error)
    )
  }

  async #listen(device: Device, state: Map<Address, boolean>): Promise<void> {
    for await (const { friend, online } of device.updates) {
      state.set(friend, online)
      device.received.push(`${friend} ${online ? 'online' : 'offline'}`)
      const isTrue = !online || (this.#presence.isOnline(friend) && device.wasFriend.has(friend))
      if (!isTrue) this.lies.push(friend)
    }
  }

  #commit(who: Address, action: PairAction): void {
    if (action === 'accept') for (const friends of [this.#friends, ...this.#wereFriends]) friends.add(who)
    else this.#friends.delete(who)
    this.#seq += 1
    const [actor, target] = this.#seq % 2 ? [ALICE, who] : [who, ALICE]
    const previous = action === 'accept' ? 'requested' : 'accepted'
    const pair = { actor, target, action, previous, previousActor: target } as const
    this.#undelivered.push({ ...pair, kind: 'pair', seq: this.#seq, message: null, at: this.#seq })
  }

  #pair(other: Address): Pair {
    return { ...NO_PAIR, version: 1, lastAction: this.#friends.has(other) ? 'accept' : 'delete', actor: other }
  }

  #read<Result>(now: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      let seen: Result | undefined
      const look = (): Result => {
        seen ??= now()
        return seen
      }
      const fail = (): void => reject(new Error('The database is away'))
      this.#reads.push({ look, answer: () => resolve(look()), fail })
    })
  }
}
