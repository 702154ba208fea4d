import type { Address } from '../domain/address.ts'
import { UpdateQueue } from '../lib/bounded-queue.ts'
import { type Circle, FriendCircles, type FriendCirclesParts } from './friend-index.ts'
import type { OnlineUsers } from './local-presence.ts'

/** A friend who came or went. */
export interface ConnectivityUpdate {
  readonly friend: Address
  readonly online: boolean
}

interface ConnectivityParts extends FriendCirclesParts {
  readonly presence: OnlineUsers
  /** Updates that may wait for one slow stream before it is ended. */
  readonly queueSize: number
}

/** One stream of one device. */
interface Viewer {
  readonly queue: UpdateQueue<ConnectivityUpdate>
  /** Friends of whom the client was last told that they are online. */
  readonly told: Set<Address>
}

/** Tells users which of their friends are online. */
export class Connectivity {
  readonly #parts: ConnectivityParts
  readonly #circles: FriendCircles<Viewer>
  readonly #stopListening: () => void

  constructor(parts: ConnectivityParts) {
    this.#parts = parts
    this.#circles = new FriendCircles(parts, (circle, friend, areFriends) => this.#changed(circle, friend, areFriends))
    this.#stopListening = parts.presence.onChange(friend => {
      for (const circle of this.#circles.around(friend)) this.#refresh(circle, friend)
    })
  }

  /** Streams that are open for one user on this instance. */
  sizeOf(user: Address): number {
    return this.#circles.of(user).size
  }

  /** First the friends that are online now, then every change, until the signal aborts. */
  async open(user: Address, signal: AbortSignal): Promise<UpdateQueue<ConnectivityUpdate>> {
    const { maxFriends, queueSize } = this.#parts
    const end = (): void => queue.end()
    const queue = new UpdateQueue<ConnectivityUpdate>(queueSize + maxFriends, () => {
      signal.removeEventListener('abort', end)
      circle.close()
    })
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
    const online = friends.has(friend) && this.#parts.presence.isOnline(friend)
    if (online === told.has(friend)) return
    if (online) told.add(friend)
    else told.delete(friend)
    queue.push({ friend, online })
  }
}
