import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { type Pair, type PairAction, statusOf } from '../domain/friendship.ts'
import type { Page, Paged } from '../domain/page.ts'
import { Batcher } from '../lib/batcher.ts'
import { Multimap } from '../lib/multimap.ts'
import { whenAvailable } from '../subscriptions/when-available.ts'

interface FriendIndexDeps {
  readonly lists: { friends(user: Address, page: Page): Promise<Paged<Address>> }
  readonly friendships: { read(a: Address, b: Address): Promise<Pair> }
  readonly bus: Bus
  readonly maxFriends: number
  /** For so long a database that is away is waited for, in milliseconds. */
  readonly readTimeoutMs: number
}

/** One that watches the friends of a user. */
export interface FriendWatcher {
  /** Whether it wants to know where they are, and not only whether they are online. */
  readonly locates?: boolean
  /** A friendship began or ended after the friends were read. */
  friendshipChanged(friend: Address, areFriends: boolean): void
}

/** The friends of one user, kept up to date for one watcher. */
export interface WatchedFriends {
  /** Nobody until they are read, and after the watcher is removed. */
  readonly friends: ReadonlySet<Address>
  /** Reads the friends. What happens meanwhile is not missed: it is noted from the start, and applied then. */
  read(): Promise<void>
  /** Takes the watcher out of the index; may be called again. */
  remove(): void
}

/** How closely a user is watched: whether they are online, or also where they are. */
export type Closeness = 'watch' | 'locate'

/** One that is told whose friends are watched here. */
interface IndexListener {
  /** A user may have begun to watch friends here, or may have ended it. */
  readonly userChanged: (user: Address) => void
  /** Friends whom a user watches from now on. @param areAll whether they are all friends of the user */
  readonly watched: (user: Address, friends: readonly Address[], areAll: boolean) => void
  /** Nobody watches a friend any more. */
  readonly unwatched: (friend: Address) => void
}

interface Entry {
  readonly user: Address
  readonly watcher: FriendWatcher
  readonly friends: Set<Address>
  /** New friends that are still to be confirmed, with the number of the event that said so. */
  readonly unconfirmed: Map<Address, number>
  /** What happened while the friends were read; null when they are there. */
  changes: Map<Address, boolean> | null
  /** Ends that the events of the user are brought here. */
  readonly unfollow: () => void
}

/** An entry that a change of a pair concerns, and the other one of the pair. */
interface Affected {
  readonly entry: Entry
  readonly friend: Address
}

/** Lists that are read at the same time: a crowd that opens its streams all at once leaves connections to others. */
const LISTS_AT_ONCE = 8

/** What a change of a pair means to a friendship; what is not named means nothing to it. */
const FRIENDS_AFTER: Partial<Record<PairAction, boolean>> = { accept: true, delete: false, block: false }

/** Who is a friend, at any time, of the users whose friends are watched on this instance; and so, who watches whom. */
export class FriendIndex {
  readonly #deps: FriendIndexDeps
  readonly #lists: Batcher<Address, readonly Address[]>
  readonly #byUser = new Multimap<Address, Entry>()
  readonly #watchers = new Multimap<Address, FriendWatcher>()
  readonly #unsubscribe: () => void
  #listener: IndexListener | null = null

  constructor(deps: FriendIndexDeps) {
    this.#deps = deps
    this.#lists = new Batcher(users => this.#readLists(users), { maxBatch: LISTS_AT_ONCE, isOutage: isUnavailable })
    this.#unsubscribe = deps.bus.subscribe(event => {
      if (event.kind === 'pair') this.#pairChanged(event)
    })
  }

  /** Watchers that are open. */
  get size(): number {
    return this.#byUser.values().length
  }

  /** Those who have read that this user is a friend. */
  watchersOf(friend: Address): ReadonlySet<FriendWatcher> {
    return this.#watchers.get(friend)
  }

  /** How closely a user is watched by friends; null when they are not. */
  closenessTo(friend: Address): Closeness | null {
    let closeness: Closeness | null = null
    for (const { locates } of this.#watchers.get(friend)) {
      if (locates) return 'locate'
      closeness = 'watch'
    }
    return closeness
  }

  /** Whether a user watches friends here. */
  isWatching(user: Address): boolean {
    return this.#byUser.get(user).size > 0
  }

  /** The friends of any user. @throws when they cannot be read */
  async friendsOf(user: Address): Promise<readonly Address[]> {
    for (const { friends, changes } of this.#byUser.get(user)) if (changes === null) return [...friends]
    return this.#lists.load(user)
  }

  /** Has one listener told whose friends are watched. @returns how to stop that */
  listen(listener: IndexListener): () => void {
    this.#listener = listener
    return () => {
      this.#listener = null
    }
  }

  /** Watches the friends of a user. Each watcher is opened once. */
  open(user: Address, watcher: FriendWatcher): WatchedFriends {
    const unfollow = this.#deps.bus.follow(user)
    const entry: Entry = { user, watcher, friends: new Set(), unconfirmed: new Map(), changes: new Map(), unfollow }
    this.#byUser.add(user, entry)
    this.#listener?.userChanged(user)
    return { friends: entry.friends, read: () => this.#read(entry), remove: () => this.#removeWatcher(entry) }
  }

  close(): void {
    this.#unsubscribe()
  }

  async #read(entry: Entry): Promise<void> {
    const isWanted = (): boolean => this.#byUser.get(entry.user).has(entry)
    const timeoutMs = this.#deps.readTimeoutMs
    const friends = await whenAvailable(() => this.#lists.load(entry.user), { timeoutMs, isWanted }).catch(error => {
      if (isWanted()) throw error
      return []
    })
    if (!isWanted()) return
    const changes = entry.changes ?? new Map<Address, boolean>()
    entry.changes = null
    for (const friend of friends) if (changes.get(friend) !== false) this.#add(entry, friend)
    for (const [friend, areFriends] of changes) if (areFriends) this.#add(entry, friend)
    this.#listener?.watched(entry.user, [...entry.friends], true)
  }

  async #readLists(users: readonly Address[]): Promise<(user: Address) => readonly Address[]> {
    const { lists, maxFriends } = this.#deps
    const page = { limit: maxFriends, offset: 0 }
    const read = await Promise.all(users.map(async user => [user, (await lists.friends(user, page)).items] as const))
    const friendsOf = new Map(read)
    return user => friendsOf.get(user) ?? []
  }

  /**
   * An event may come later than what it led to was read, and what ended it again may still be on its way. So an end is
   * believed at once, but of a friendship it is first checked whether it still is: nobody is shown as a friend who was
   * none at any time since the watcher was opened.
   */
  #pairChanged(event: PairEvent): void {
    const areFriends = FRIENDS_AFTER[event.action]
    if (areFriends === undefined) return
    const affected = this.#affectedBy(event)
    for (const { entry, friend } of affected) {
      if (areFriends) entry.unconfirmed.set(friend, event.seq)
      else this.#change(entry, friend, false)
    }
    if (areFriends && affected.length > 0) void this.#confirm(event, affected)
  }

  #affectedBy({ actor, target }: PairEvent): Affected[] {
    const entries = (user: Address, friend: Address): Affected[] =>
      [...this.#byUser.get(user)].map(entry => ({ entry, friend }))
    return [...entries(actor, target), ...entries(target, actor)]
  }

  async #confirm({ seq, actor, target }: PairEvent, affected: readonly Affected[]): Promise<void> {
    const pair = await this.#deps.friendships.read(actor, target).catch(() => null)
    // When the pair cannot be read, the event is believed: if it was undone, that event will come too.
    const areFriends = pair === null || statusOf(pair) === 'accepted'
    for (const { entry, friend } of affected) {
      if (entry.unconfirmed.get(friend) !== seq) continue
      entry.unconfirmed.delete(friend)
      if (areFriends) this.#change(entry, friend, true)
    }
  }

  #change(entry: Entry, friend: Address, areFriends: boolean): void {
    if (!areFriends) entry.unconfirmed.delete(friend)
    if (entry.changes) {
      entry.changes.set(friend, areFriends)
    } else if (areFriends !== entry.friends.has(friend)) {
      if (areFriends) this.#add(entry, friend)
      else this.#remove(entry, friend)
      if (areFriends) this.#listener?.watched(entry.user, [friend], false)
      entry.watcher.friendshipChanged(friend, areFriends)
    }
  }

  #add(entry: Entry, friend: Address): void {
    entry.friends.add(this.#watchers.add(friend, entry.watcher))
  }

  #remove(entry: Entry, friend: Address): void {
    entry.friends.delete(friend)
    this.#watchers.remove(friend, entry.watcher)
    if (this.#watchers.get(friend).size === 0) this.#listener?.unwatched(friend)
  }

  #removeWatcher(entry: Entry): void {
    this.#byUser.remove(entry.user, entry)
    entry.unfollow()
    for (const friend of entry.friends) this.#remove(entry, friend)
    entry.unconfirmed.clear()
    this.#listener?.userChanged(entry.user)
  }
}
