import type { Address } from '../domain/address.ts'
import { tooFarBehind } from '../domain/errors.ts'
import { BoundedQueue } from '../lib/bounded-queue.ts'
import { type Circle, FriendIndex, type FriendIndexDeps } from './friend-index.ts'
import type { OnlineUsers } from './local-presence.ts'

/** A friend who came or went. */
export interface ConnectivityUpdate {
  readonly friend: Address
  readonly online: boolean
}

interface ConnectivityDeps extends FriendIndexDeps {
  readonly presence: OnlineUsers
  /** Updates that may wait for one slow stream before it is ended. */
  readonly queueSize: number
}

/** One stream of one device. */
interface Viewer {
  readonly queue: BoundedQueue<ConnectivityUpdate>
  /** Friends of whom the client was last told that they are online. */
  readonly told: Set<Address>
}

/** Tells users which of their friends are online. */
export class Connectivity {
  readonly #deps: ConnectivityDeps
  readonly #circles: FriendIndex<Viewer>
  readonly #stopListening: () => void

  constructor(deps: ConnectivityDeps) {
    this.#deps = deps
    this.#circles = new FriendIndex(deps, (circle, friend, areFriends) => this.#changed(circle, friend, areFriends))
    this.#stopListening = deps.presence.onChange(friend => {
      for (const circle of this.#circles.watchersOf(friend)) this.#refresh(circle, friend)
    })
  }

  /** Streams that are open on this instance. */
  get size(): number {
    return this.#circles.all().length
  }

  /** Streams that are open for one user on this instance. */
  sizeOf(user: Address): number {
    return this.#circles.of(user).size
  }

  /** First the friends that are online now, then every change, until the signal aborts. */
  async open(user: Address, signal: AbortSignal): Promise<BoundedQueue<ConnectivityUpdate>> {
    const { maxFriends, queueSize } = this.#deps
    const end = (): void => queue.end()
    const queue = new BoundedQueue<ConnectivityUpdate>(
      queueSize + maxFriends,
      () => {
        signal.removeEventListener('abort', end)
        circle.close()
      },
      tooFarBehind
    )
    const circle = this.#circles.open(user, { queue, told: new Set() })
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      await circle.fill()
      for (const friend of circle.friends) this.#refresh(circle, friend)
      return queue
    } catch (error) {
      queue.end()
      throw error
    }
  }

  close(): void {
    this.#stopListening()
    this.#circles.close()
    for (const { viewer } of this.#circles.all()) viewer.queue.end()
  }

  #changed(circle: Circle<Viewer>, friend: Address, areFriends: boolean): void {
    this.#refresh(circle, friend)
    // A new friend's state is told even when it is the one that a stranger has.
    if (areFriends && !circle.viewer.told.has(friend)) circle.viewer.queue.push({ friend, online: false })
  }

  #refresh({ friends, viewer: { queue, told } }: Circle<Viewer>, friend: Address): void {
    const online = friends.has(friend) && this.#deps.presence.isOnline(friend)
    if (online === told.has(friend)) return
    if (online) told.add(friend)
    else told.delete(friend)
    queue.push({ friend, online })
  }
}
