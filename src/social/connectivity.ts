import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { Bus } from '../realtime/bus.ts'
import type { Presence } from '../realtime/presence.ts'
import { SetMap } from '../realtime/set-map.ts'
import { UpdateQueue } from '../realtime/update-queue.ts'
import type { FriendLists } from '../storage/friend-lists.ts'

/** A friend who came or went. */
export interface ConnectivityUpdate {
  readonly friend: Address
  readonly online: boolean
}

interface ConnectivityParts {
  readonly lists: FriendLists
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
        if (event.kind === 'pair') this.#befriended(event)
      })
    ]
  }

  /**
   * First the friends that are online now, then every change, until the signal aborts. Nothing that happens while the
   * friends are read is missed: it is heard from the start, and applied when they are there.
   */
  async *open(user: Address, signal: AbortSignal): AsyncGenerator<ConnectivityUpdate> {
    const { lists, maxFriends, queueSize } = this.#parts
    const end = (): void => queue.end()
    const queue = new UpdateQueue<ConnectivityUpdate>(queueSize + maxFriends, () => {
      signal.removeEventListener('abort', end)
      this.#remove(user, watcher)
    })
    const watcher: Watcher = { queue, friends: new Set(), told: new Set(), changes: new Map() }
    this.#byUser.add(user, watcher)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      const { items } = await lists.friends(user, { limit: maxFriends, offset: 0 })
      this.#begin(user, watcher, items)
      yield* queue
    } finally {
      queue.end()
    }
  }

  close(): void {
    for (const stop of this.#stops) stop()
    for (const watcher of this.#byUser.values()) watcher.queue.end()
  }

  #begin(user: Address, watcher: Watcher, friends: readonly Address[]): void {
    if (!this.#byUser.get(user).has(watcher)) return
    const changes = watcher.changes ?? new Map<Address, boolean>()
    watcher.changes = null
    for (const friend of friends) if (changes.get(friend) !== false) this.#befriend(watcher, friend)
    for (const [friend, areFriends] of changes) if (areFriends) this.#befriend(watcher, friend)
    for (const friend of watcher.friends) this.#refresh(watcher, friend)
  }

  #befriended({ actor, target, action }: PairEvent): void {
    const areFriends = FRIENDS_AFTER[action]
    if (areFriends === undefined) return
    for (const [user, friend] of [[actor, target] as const, [target, actor] as const]) {
      for (const watcher of this.#byUser.get(user)) this.#change(watcher, friend, areFriends)
    }
  }

  #change(watcher: Watcher, friend: Address, areFriends: boolean): void {
    if (watcher.changes) {
      watcher.changes.set(friend, areFriends)
    } else if (areFriends) {
      this.#befriend(watcher, friend)
      this.#refresh(watcher, friend)
      // A new friend's state is told even when it is the one that a stranger has.
      if (!watcher.told.has(friend)) watcher.queue.push({ friend, online: false })
    } else {
      watcher.friends.delete(friend)
      this.#byFriend.remove(friend, watcher)
      this.#refresh(watcher, friend)
    }
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
  }
}

/** One stream of one device. */
interface Watcher {
  readonly queue: UpdateQueue<ConnectivityUpdate>
  readonly friends: Set<Address>
  /** Friends of whom the client was last told that they are online. */
  readonly told: Set<Address>
  /** What happened while the friends were read; null when they are there. */
  changes: Map<Address, boolean> | null
}
