import type { Address } from '../domain/address.ts'
import { CleanupStack } from '../lib/cleanup-stack.ts'
import { TimerWheel } from '../lib/timer-wheel.ts'
import type { OpenSubscriptions } from '../subscriptions/open-subscriptions.ts'
import type { Subscriber, Subscription } from '../subscriptions/subscription.ts'
import type { FriendIndex, FriendWatcher, WatchedFriends } from './friend-index.ts'
import type { OnlineUsers } from './local-presence.ts'
import type { Locations, WorldPosition } from './locations.ts'

interface FriendLocationsDeps {
  readonly friendIndex: FriendIndex
  readonly presence: OnlineUsers
  readonly locations: Locations
  readonly subscriptions: OpenSubscriptions
  /** Bytes of the positions of one message; more wait for the next. */
  readonly maxMessageBytes: number
}

/** A client gets no more than one message in so many milliseconds (ADR-246). */
const MIN_GAP_MS = 1000
/**
 * How often a subscription has its turn, in milliseconds. Users say every 30 s where they are: nobody misses these two
 * seconds, and each message less is CPU time.
 */
const TURN_MS = 2000
/** Positions in one message; more wait for the next. */
const MAX_POSITIONS = 500
/** Bytes of a position beside its texts, at most. */
const POSITION_OVERHEAD = 16

/**
 * Where in the world the friends of a user are (ADR-246), and nobody else: first of all who are online, then of those who
 * moved, at most once a second.
 */
export class FriendLocations {
  readonly #deps: FriendLocationsDeps
  readonly #turns = new TimerWheel<LocationStream>(TURN_MS, stream => stream.turn())
  readonly #unsubscribes: (() => void)[]

  constructor(deps: FriendLocationsDeps) {
    this.#deps = deps
    this.#unsubscribes = [
      deps.locations.onChange(friend => this.#moved(friend)),
      // The position of somebody may have come before it was known that they are online.
      deps.presence.onChange((friend, online) => {
        if (online) this.#moved(friend)
      })
    ]
  }

  async open(subscriber: Subscriber): Promise<Subscription<readonly WorldPosition[]>> {
    const stream = new LocationStream(subscriber, this.#deps, this.#turns)
    try {
      await stream.readSnapshot()
      return stream
    } catch (error) {
      stream.end(null)
      throw error
    }
  }

  close(): void {
    this.#turns.close()
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
  }

  #moved(friend: Address): void {
    for (const watcher of this.#deps.friendIndex.watchersOf(friend)) {
      if (watcher instanceof LocationStream) watcher.moved(friend)
    }
  }
}

/** One subscription. Nothing queues up in it but the names of who moved: their positions are taken when it has its turn. */
class LocationStream implements Subscription<readonly WorldPosition[]>, FriendWatcher {
  readonly waiting = []
  readonly locates = true
  readonly #locations: Locations
  readonly #maxBytes: number
  readonly #watched: WatchedFriends
  readonly #cleanup = new CleanupStack()
  /** Friends whose position is to be sent. */
  readonly #pending = new Set<Address>()
  /** Positions may be taken: at the beginning, and when it had its turn. */
  #isDue = true
  /** Positions were handed over, and the client has not come back for more. */
  #isInFlight = false
  /** When positions were sent last, by the monotonic clock, in milliseconds. */
  #sentAt = -MIN_GAP_MS
  #wake: (() => void) | null = null
  #isOver = false
  #error: Error | null = null

  constructor(
    subscriber: Subscriber,
    { friendIndex, locations, subscriptions, maxMessageBytes }: FriendLocationsDeps,
    turns: TimerWheel<LocationStream>
  ) {
    this.#locations = locations
    this.#maxBytes = maxMessageBytes
    this.#watched = friendIndex.open(subscriber.address, this)
    this.#cleanup.add(() => this.#watched.remove())
    this.#cleanup.add(turns.join(this))
    this.#cleanup.add(subscriptions.add('positions', subscriber, error => this.end(error)))
  }

  async readSnapshot(): Promise<void> {
    await this.#watched.read()
    for (const friend of this.#watched.friends) this.#pending.add(friend)
  }

  friendshipChanged(friend: Address): void {
    this.#pending.add(friend)
  }

  moved(friend: Address): void {
    this.#pending.add(friend)
  }

  turn(): void {
    if (this.#wake === null || this.#pending.size === 0 || performance.now() - this.#sentAt < MIN_GAP_MS) return
    this.#isDue = true
    this.#awake()
  }

  end(error: Error | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#error = error
    this.#awake()
    this.#cleanup.run()
  }

  whenReady(ready: () => void): void {
    this.#sent()
    if (this.#isDue || this.#isOver) ready()
    else this.#wake = ready
  }

  async next(): Promise<IteratorResult<readonly WorldPosition[]>> {
    this.#sent()
    while (!this.#isOver) {
      await new Promise<void>(resolve => this.whenReady(resolve))
      this.#isDue = false
      const positions = this.#isOver ? [] : this.#take()
      if (positions.length === 0) continue
      this.#isInFlight = true
      return { done: false, value: positions }
    }
    const error = this.#error
    this.#error = null
    if (error) throw error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<readonly WorldPosition[]>> {
    this.end(null)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** A consumer that comes back for more has sent what was handed over. */
  #sent(): void {
    if (this.#isInFlight) this.#sentAt = performance.now()
    this.#isInFlight = false
  }

  #awake(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  #take(): WorldPosition[] {
    const positions: WorldPosition[] = []
    let bytes = 0
    for (const friend of this.#pending) {
      if (positions.length === MAX_POSITIONS) break
      // Who is no friend any more is not shown, also when they moved while they still were one.
      const position = this.#watched.friends.has(friend) ? this.#locations.of(friend) : null
      if (position) bytes += sizeOf(position)
      if (bytes > this.#maxBytes) break
      this.#pending.delete(friend)
      if (position) positions.push(position)
    }
    return positions
  }
}

function sizeOf({ realm = '', x = '', y = '' }: WorldPosition): number {
  return Buffer.byteLength(realm) + Buffer.byteLength(x) + Buffer.byteLength(y) + POSITION_OVERHEAD
}
