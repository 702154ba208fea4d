import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import { type Pair, type PairAction, statusOf } from '../domain/friendship.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { Bus } from '../realtime/bus.ts'
import type { Presence } from '../realtime/presence.ts'
import { SetMap } from '../realtime/set-map.ts'
import { UpdateQueue } from '../realtime/update-queue.ts'

/** A friend who came or went. */
export interface ConnectivityUpdate {
  readonly friend: Address
  readonly online: boolean
}

interface ConnectivityParts {
  readonly lists: { friends(user: Address, page: Page): Promise<Paged<Address>> }
  readonly friendships: { read(a: Address, b: Address): Promise<Pair> }
  readonly presence: Presence
  readonly bus: Bus
  /** Updates that may wait for one slow stream before it is ended. */
  readonly queueSize: number
  readonly maxFriends: number
}

/** What a change of a pair means to a friendship; what is not named means nothing to it. */
const FRIENDS_AFTER: Partial<Record<PairAction, boolean>> = { accept: true, delete: false, block: false }

/** Tells users which of their friends are online. */
export class Connectivity {
  readonly #parts: ConnectivityParts
  readonly #byUser = new SetMap<Address, Watcher>()
  readonly #byFriend = new SetMap<Address, Watcher>()
  readonly #stops: (() => void)[]

  constructor(parts: ConnectivityParts) {
    this.#parts = parts
    this.#stops = [
      parts.presence.onChange(friend => {
        for (const watcher of this.#byFriend.get(friend)) this.#refresh(watcher, friend)
      }),
      parts.bus.subscribe(event => {
        if (event.kind === 'pair') this.#heard(event)
      })
    ]
  }

  /** Streams that are open for one user on this instance. */
  sizeOf(user: Address): number {
    return this.#byUser.get(user).size
  }

  /**
   * First the friends that are online now, then every change, until the signal aborts. Nothing that happens while the
   * friends are read is missed: it is heard from the start, and applied when they are there.
   */
  async open(user: Address, signal: AbortSignal): Promise<UpdateQueue<ConnectivityUpdate>> {
    const { lists, maxFriends, queueSize } = this.#parts
    const end = (): void => queue.end()
    const queue = new UpdateQueue<ConnectivityUpdate>(queueSize + maxFriends, () => {
      signal.removeEventListener('abort', end)
      this.#remove(user, watcher)
    })
    const watcher: Watcher = {
      queue,
      friends: new Set(),
      told: new Set(),
      unconfirmed: new Map(),
      changes: new Map()
    }
    this.#byUser.add(user, watcher)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      const { items } = await lists.friends(user, { limit: maxFriends, offset: 0 })
      if (this.#byUser.get(user).has(watcher)) this.#begin(watcher, items)
      return queue
    } catch (error) {
      queue.end()
      throw error
    }
  }

  close(): void {
    for (const stop of this.#stops) stop()
    for (const watcher of this.#byUser.values()) watcher.queue.end()
  }

  #begin(watcher: Watcher, listed: readonly Address[]): void {
    const changes = watcher.changes ?? new Map<Address, boolean>()
    watcher.changes = null
    for (const friend of listed) if (changes.get(friend) !== false) this.#befriend(watcher, friend)
    for (const [friend, areFriends] of changes) if (areFriends) this.#befriend(watcher, friend)
    for (const friend of watcher.friends) this.#refresh(watcher, friend)
  }

  /**
   * An event may come later than what it led to was read, and what ended it again may still be on its way. So an end is
   * believed at once, but of a friendship it is first looked whether it still is: nobody is told that somebody is online
   * who was no friend at any time since they listen.
   */
  #heard(event: PairEvent): void {
    const areFriends = FRIENDS_AFTER[event.action]
    if (areFriends === undefined) return
    const concerned = this.#concerned(event)
    for (const { watcher, friend } of concerned) {
      if (areFriends) watcher.unconfirmed.set(friend, event.seq)
      else this.#change(watcher, friend, false)
    }
    if (areFriends && concerned.length > 0) void this.#confirm(event, concerned)
  }

  #concerned({ actor, target }: PairEvent): Concern[] {
    const of = (user: Address, friend: Address): Concern[] =>
      [...this.#byUser.get(user)].map(watcher => ({ watcher, friend }))
    return [...of(actor, target), ...of(target, actor)]
  }

  async #confirm({ seq, actor, target }: PairEvent, concerned: readonly Concern[]): Promise<void> {
    const pair = await this.#parts.friendships.read(actor, target).catch(() => null)
    // When it cannot be looked, the event is believed: if it was undone, that will be heard too.
    const areFriends = pair === null || statusOf(pair) === 'accepted'
    for (const { watcher, friend } of concerned) {
      if (watcher.unconfirmed.get(friend) !== seq) continue
      watcher.unconfirmed.delete(friend)
      if (areFriends) this.#change(watcher, friend, true)
    }
  }

  #change(watcher: Watcher, friend: Address, areFriends: boolean): void {
    if (watcher.changes) {
      watcher.changes.set(friend, areFriends)
    } else if (areFriends) {
      const isNew = !watcher.friends.has(friend)
      this.#befriend(watcher, friend)
      this.#refresh(watcher, friend)
      // A new friend's state is told even when it is the one that a stranger has.
      if (isNew && !watcher.told.has(friend)) watcher.queue.push({ friend, online: false })
    } else {
      watcher.friends.delete(friend)
      this.#byFriend.remove(friend, watcher)
      this.#refresh(watcher, friend)
    }
    if (!areFriends) watcher.unconfirmed.delete(friend)
  }

  #befriend(watcher: Watcher, friend: Address): void {
    watcher.friends.add(friend)
    this.#byFriend.add(friend, watcher)
  }

  #refresh(watcher: Watcher, friend: Address): void {
    const online = watcher.friends.has(friend) && this.#parts.presence.isOnline(friend)
    if (watcher.changes || online === watcher.told.has(friend)) return
    if (online) watcher.told.add(friend)
    else watcher.told.delete(friend)
    watcher.queue.push({ friend, online })
  }

  #remove(user: Address, watcher: Watcher): void {
    this.#byUser.remove(user, watcher)
    for (const friend of watcher.friends) this.#byFriend.remove(friend, watcher)
    watcher.friends.clear()
    watcher.unconfirmed.clear()
  }
}

/** One stream of one device. */
interface Watcher {
  readonly queue: UpdateQueue<ConnectivityUpdate>
  readonly friends: Set<Address>
  /** Friends of whom the client was last told that they are online. */
  readonly told: Set<Address>
  /** New friends that are still to be confirmed, with the number of the event that told of them. */
  readonly unconfirmed: Map<Address, number>
  /** What happened while the friends were read; null when they are there. */
  changes: Map<Address, boolean> | null
}

/** A stream that a change of a pair is about, and the other one of the pair. */
interface Concern {
  readonly watcher: Watcher
  readonly friend: Address
}
