import type { Address } from '../domain/address.ts'
import { tooFarBehind } from '../domain/errors.ts'
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
  /** Updates that may wait for one slow subscription before it is ended; more for its snapshot. */
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

  async open(subscriber: Subscriber): Promise<Subscription<ConnectivityUpdate>> {
    const stream = new ConnectivityStream(subscriber, this.#deps)
    try {
      await stream.readSnapshot()
      return stream.queue
    } catch (error) {
      stream.queue.end()
      throw error
    }
  }

  close(): void {
    this.#unsubscribe()
  }
}

/** One subscription, which watches the friends of its user until its queue ends. */
class ConnectivityStream implements FriendWatcher {
  readonly queue: BoundedQueue<ConnectivityUpdate>
  readonly #presence: OnlineUsers
  readonly #watched: WatchedFriends
  /** Friends who are online, going by the updates so far. */
  readonly #online = new Set<Address>()

  constructor(subscriber: Subscriber, deps: ConnectivityDeps) {
    const { friendIndex, presence, subscriptions, queueSize, maxFriends } = deps
    const cleanup = new CleanupStack()
    this.#presence = presence
    this.queue = new BoundedQueue(queueSize + maxFriends, () => cleanup.run(), tooFarBehind)
    this.#watched = friendIndex.open(subscriber.address, this)
    cleanup.add(() => this.#watched.remove())
    cleanup.add(subscriptions.add('connectivity', subscriber, error => this.queue.end(error)))
  }

  async readSnapshot(): Promise<void> {
    await this.#watched.read()
    for (const friend of this.#watched.friends) this.refresh(friend)
  }

  friendshipChanged(friend: Address, areFriends: boolean): void {
    this.refresh(friend)
    // The state of a new friend is news even when it is the one that a stranger has.
    if (areFriends && !this.#online.has(friend)) this.queue.push({ friend, online: false })
  }

  /** Queues an update if the friend came or went. */
  refresh(friend: Address): void {
    const online = this.#watched.friends.has(friend) && this.#presence.isOnline(friend)
    if (online === this.#online.has(friend)) return
    if (online) this.#online.add(friend)
    else this.#online.delete(friend)
    this.queue.push({ friend, online })
  }
}
