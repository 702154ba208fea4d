import type { Address } from '../domain/address.ts'
import { BoundedQueue } from '../lib/bounded-queue.ts'
import { CleanupStack } from '../lib/cleanup-stack.ts'
import type { OpenSubscriptions } from '../subscriptions/open-subscriptions.ts'
import type { Subscriber, Subscription } from '../subscriptions/subscription.ts'
import type { FriendIndex, FriendWatcher, WatchedFriends } from './friend-index.ts'
import type { OnlineUsers } from './local-presence.ts'

/** A friend who came or went. */
export interface ConnectivityUpdate {
  readonly friend: Address
  readonly online: boolean
}

interface ConnectivityDeps {
  readonly friendIndex: FriendIndex
  readonly presence: OnlineUsers
  readonly subscriptions: OpenSubscriptions
  /** Updates that may wait for one slow subscription before only the last of each friend does; more for its snapshot. */
  readonly queueSize: number
  readonly maxFriends: number
}

/** Which friends of a user are online: first those who are now, then every change. */
export class Connectivity {
  readonly #deps: ConnectivityDeps
  readonly #unsubscribe: () => void

  constructor(deps: ConnectivityDeps) {
    this.#deps = deps
    this.#unsubscribe = deps.presence.onChange(friend => {
      for (const watcher of deps.friendIndex.watchersOf(friend)) {
        if (watcher instanceof ConnectivityStream) watcher.refresh(friend)
      }
    })
  }

  /**
   * @param older a subscription of the same device whose place this one takes: it goes on without those who are online
   * anew, and what was not acknowledged comes first. It happens before anything is waited for.
   */
  async open(subscriber: Subscriber, older: unknown = null): Promise<Subscription<ConnectivityUpdate>> {
    const taken = older instanceof ConnectivityUpdates ? older.handTo(subscriber) : null
    if (taken) return taken
    const stream = new ConnectivityStream(subscriber, this.#deps)
    try {
      await stream.readSnapshot()
      return stream.updates
    } catch (error) {
      stream.updates.end()
      throw error
    }
  }

  close(): void {
    this.#unsubscribe()
  }
}

/** Who comes and goes, for one device. It knows what the client has not acknowledged, so that another can take its place. */
class ConnectivityUpdates extends BoundedQueue<ConnectivityUpdate> {
  readonly #subscriber: Subscriber
  readonly #stream: ConnectivityStream
  /** Handed over and not acknowledged, as far as that was looked at. */
  readonly #inFlight: ConnectivityUpdate[] = []
  #ackedCount = 0

  constructor(subscriber: Subscriber, stream: ConnectivityStream, limit: number, onEnd: () => void) {
    super({ limit, fold: lastOfFriends, onEnd })
    this.#subscriber = subscriber
    this.#stream = stream
  }

  override take(): ConnectivityUpdate | undefined {
    const update = super.take()
    if (update) {
      this.#settle()
      this.#inFlight.push(update)
    }
    return update
  }

  /** Ends, and goes on for another subscriber. @returns null when it has ended before */
  handTo(subscriber: Subscriber): ConnectivityUpdates | null {
    if (this.#stream.updates !== this || this.isEnded) return null
    this.#settle()
    const unread = [...this.#inFlight, ...this.takeAll()]
    const next = this.#stream.attach(subscriber)
    for (const update of unread) next.push(update)
    this.end()
    return next
  }

  #settle(): void {
    const newlyAcked = this.#subscriber.acknowledged() - this.#ackedCount
    this.#inFlight.splice(0, newlyAcked)
    this.#ackedCount += newlyAcked
  }
}

/** One subscription, which watches the friends of its user until its last updates end. */
class ConnectivityStream implements FriendWatcher {
  readonly #deps: ConnectivityDeps
  readonly #watched: WatchedFriends
  /** Friends who are online, going by the updates so far. */
  readonly #online = new Set<Address>()
  #updates: ConnectivityUpdates

  constructor(subscriber: Subscriber, deps: ConnectivityDeps) {
    this.#deps = deps
    this.#watched = deps.friendIndex.open(subscriber.address, this)
    this.#updates = this.attach(subscriber)
  }

  get updates(): ConnectivityUpdates {
    return this.#updates
  }

  /** What comes from now on goes to this subscriber. */
  attach(subscriber: Subscriber): ConnectivityUpdates {
    const { subscriptions, queueSize, maxFriends } = this.#deps
    const cleanup = new CleanupStack()
    const updates = new ConnectivityUpdates(subscriber, this, queueSize + maxFriends, () => cleanup.run())
    this.#updates = updates
    cleanup.add(() => {
      if (this.#updates === updates) this.#watched.remove()
    })
    cleanup.add(subscriptions.add('connectivity', subscriber, error => updates.end(error)))
    return updates
  }

  async readSnapshot(): Promise<void> {
    await this.#watched.read()
    for (const friend of this.#watched.friends) this.refresh(friend)
  }

  friendshipChanged(friend: Address, areFriends: boolean): void {
    this.refresh(friend)
    if (areFriends && !this.#online.has(friend)) void this.#tellOffline(friend)
  }

  /** Queues an update if the friend came or went. */
  refresh(friend: Address): void {
    const online = this.#watched.friends.has(friend) && this.#deps.presence.isOnline(friend)
    if (online === this.#online.has(friend)) return
    if (online) this.#online.add(friend)
    else this.#online.delete(friend)
    this.#updates.push({ friend, online })
  }

  /** The state of a new friend is news even when it is the one that a stranger has. */
  async #tellOffline(friend: Address): Promise<void> {
    await this.#deps.presence.settle([friend])
    if (this.#watched.friends.has(friend) && !this.#online.has(friend)) this.#updates.push({ friend, online: false })
  }
}

/** Of each friend the last update, in the order in which these came. */
function lastOfFriends(updates: readonly ConnectivityUpdate[]): readonly ConnectivityUpdate[] {
  const last = new Map<Address, ConnectivityUpdate>()
  for (const update of updates) {
    last.delete(update.friend)
    last.set(update.friend, update)
  }
  return [...last.values()]
}
