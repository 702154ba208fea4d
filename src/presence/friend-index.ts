import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { type Pair, type PairAction, statusOf } from '../domain/friendship.ts'
import type { Page, Paged } from '../domain/page.ts'
import { Batcher } from '../lib/batcher.ts'
import { Multimap } from '../lib/multimap.ts'

export interface FriendIndexDeps {
  readonly lists: { friends(user: Address, page: Page): Promise<Paged<Address>> }
  readonly friendships: { read(a: Address, b: Address): Promise<Pair> }
  readonly bus: Bus
  readonly maxFriends: number
}

/** The friends of one user, kept as they are while somebody looks at them. */
export interface Circle<Viewer> {
  readonly user: Address
  readonly viewer: Viewer
  /** Nobody until it is filled, and after it is closed. */
  readonly friends: ReadonlySet<Address>
  /** Reads the friends. Nothing that happens meanwhile is missed: it is heard from the start, and applied then. */
  fill(): Promise<void>
  /** May be called again. */
  close(): void
}

interface LiveCircle<Viewer> extends Circle<Viewer> {
  readonly friends: Set<Address>
  /** New friends that are still to be confirmed, with the number of the event that told of them. */
  readonly unconfirmed: Map<Address, number>
  /** What happened while the friends were read; null when they are there. */
  changes: Map<Address, boolean> | null
}

/** A circle that a change of a pair is about, and the other one of the pair. */
interface Concern<Viewer> {
  readonly circle: LiveCircle<Viewer>
  readonly friend: Address
}

/** Told of every friendship in a circle that begins or ends after it was filled. */
type OnChange<Viewer> = (circle: Circle<Viewer>, friend: Address, areFriends: boolean) => void

/** Lists that are read at the same time: a crowd that opens its circles all at once leaves connections to others. */
const LISTS_AT_ONCE = 8

/** What a change of a pair means to a friendship; what is not named means nothing to it. */
const FRIENDS_AFTER: Partial<Record<PairAction, boolean>> = { accept: true, delete: false, block: false }

/** Who is a friend, at any time, of the users whose friends are looked at on this instance. */
export class FriendIndex<Viewer> {
  readonly #deps: FriendIndexDeps
  readonly #onChange: OnChange<Viewer>
  readonly #lists: Batcher<Address, readonly Address[]>
  readonly #byUser = new Multimap<Address, LiveCircle<Viewer>>()
  readonly #byFriend = new Multimap<Address, LiveCircle<Viewer>>()
  readonly #stopListening: () => void

  constructor(deps: FriendIndexDeps, onChange: OnChange<Viewer>) {
    this.#deps = deps
    this.#onChange = onChange
    this.#lists = new Batcher(users => this.#readAll(users), { maxBatch: LISTS_AT_ONCE, isOutage: isUnavailable })
    this.#stopListening = deps.bus.subscribe(event => {
      if (event.kind === 'pair') this.#heard(event)
    })
  }

  /** The open circles of a user. */
  of(user: Address): ReadonlySet<Circle<Viewer>> {
    return this.#byUser.get(user)
  }

  /** The open circles that a user is in. */
  watchersOf(friend: Address): ReadonlySet<Circle<Viewer>> {
    return this.#byFriend.get(friend)
  }

  /** All open circles. */
  all(): Circle<Viewer>[] {
    return this.#byUser.values()
  }

  open(user: Address, viewer: Viewer): Circle<Viewer> {
    const circle: LiveCircle<Viewer> = {
      user,
      viewer,
      friends: new Set(),
      unconfirmed: new Map(),
      changes: new Map(),
      fill: () => this.#fill(circle),
      close: () => this.#close(circle)
    }
    this.#byUser.add(user, circle)
    return circle
  }

  /** Hears of nothing any more. */
  close(): void {
    this.#stopListening()
  }

  async #fill(circle: LiveCircle<Viewer>): Promise<void> {
    const friends = await this.#lists.load(circle.user)
    if (!this.#byUser.get(circle.user).has(circle)) return
    const changes = circle.changes ?? new Map<Address, boolean>()
    circle.changes = null
    for (const friend of friends) if (changes.get(friend) !== false) this.#befriend(circle, friend)
    for (const [friend, areFriends] of changes) if (areFriends) this.#befriend(circle, friend)
  }

  async #readAll(users: readonly Address[]): Promise<(user: Address) => readonly Address[]> {
    const { lists, maxFriends } = this.#deps
    const page = { limit: maxFriends, offset: 0 }
    const read = await Promise.all(users.map(async user => [user, (await lists.friends(user, page)).items] as const))
    const friendsOf = new Map(read)
    return user => friendsOf.get(user) ?? []
  }

  /**
   * An event may come later than what it led to was read, and what ended it again may still be on its way. So an end is
   * believed at once, but of a friendship it is first looked whether it still is: nobody is in a circle who was no
   * friend at any time since it was opened.
   */
  #heard(event: PairEvent): void {
    const areFriends = FRIENDS_AFTER[event.action]
    if (areFriends === undefined) return
    const concerned = this.#concerned(event)
    for (const { circle, friend } of concerned) {
      if (areFriends) circle.unconfirmed.set(friend, event.seq)
      else this.#change(circle, friend, false)
    }
    if (areFriends && concerned.length > 0) void this.#confirm(event, concerned)
  }

  #concerned({ actor, target }: PairEvent): Concern<Viewer>[] {
    const of = (user: Address, friend: Address): Concern<Viewer>[] =>
      [...this.#byUser.get(user)].map(circle => ({ circle, friend }))
    return [...of(actor, target), ...of(target, actor)]
  }

  async #confirm({ seq, actor, target }: PairEvent, concerned: readonly Concern<Viewer>[]): Promise<void> {
    const pair = await this.#deps.friendships.read(actor, target).catch(() => null)
    // When it cannot be looked, the event is believed: if it was undone, that will be heard too.
    const areFriends = pair === null || statusOf(pair) === 'accepted'
    for (const { circle, friend } of concerned) {
      if (circle.unconfirmed.get(friend) !== seq) continue
      circle.unconfirmed.delete(friend)
      if (areFriends) this.#change(circle, friend, true)
    }
  }

  #change(circle: LiveCircle<Viewer>, friend: Address, areFriends: boolean): void {
    if (!areFriends) circle.unconfirmed.delete(friend)
    if (circle.changes) {
      circle.changes.set(friend, areFriends)
    } else if (areFriends !== circle.friends.has(friend)) {
      if (areFriends) this.#befriend(circle, friend)
      else this.#part(circle, friend)
      this.#onChange(circle, friend, areFriends)
    }
  }

  #befriend(circle: LiveCircle<Viewer>, friend: Address): void {
    circle.friends.add(this.#byFriend.add(friend, circle))
  }

  #part(circle: LiveCircle<Viewer>, friend: Address): void {
    circle.friends.delete(friend)
    this.#byFriend.remove(friend, circle)
  }

  #close(circle: LiveCircle<Viewer>): void {
    this.#byUser.remove(circle.user, circle)
    for (const friend of circle.friends) this.#part(circle, friend)
    circle.unconfirmed.clear()
  }
}
