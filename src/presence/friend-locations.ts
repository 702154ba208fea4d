import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { SessionsEnded } from '../domain/events.ts'
import { TimerWheel } from '../lib/timer-wheel.ts'
import type { Subscriber } from '../updates/hub.ts'
import { type Circle, FriendIndex, type FriendIndexDeps } from './friend-index.ts'
import type { OnlineUsers } from './local-presence.ts'
import type { Locations, WorldPosition } from './locations.ts'

interface FriendLocationsDeps extends FriendIndexDeps {
  readonly presence: OnlineUsers
  readonly positions: Locations
}

/** A stream is never told more often than once in so many milliseconds (ADR-246). */
const TELL_MS = 1000
/**
 * How often a stream is told of everything that changed meanwhile, in milliseconds. Users say every 30 s where they are:
 * nobody misses these two seconds, and each message less is CPU time.
 */
const TURN_MS = 2000
/** Positions in one message; more wait for the next. */
const MAX_TOLD = 500

/** One stream of one device. */
interface Viewer {
  readonly tokenHash: string | null
  /** Friends whose position is to be told. */
  readonly untold: Set<Address>
  /** When the client was last told something, by the monotonic clock, in milliseconds. */
  toldAt: number
  /** Lets the stream go on. */
  wake: () => void
  /** Why the stream is over; undefined while it is not. */
  end: SocialError | 'in good order' | undefined
}

/** Tells users where in the world their friends are (ADR-246), and nobody else. */
export class FriendLocations {
  readonly #deps: FriendLocationsDeps
  readonly #circles: FriendIndex<Viewer>
  readonly #turns = new TimerWheel<Circle<Viewer>>(TURN_MS, circle => this.#turn(circle))
  readonly #stops: (() => void)[]

  constructor(deps: FriendLocationsDeps) {
    this.#deps = deps
    const { presence, positions, bus } = deps
    this.#circles = new FriendIndex(deps, ({ viewer }, friend) => viewer.untold.add(friend))
    const moved = (friend: Address): void => {
      for (const { viewer } of this.#circles.watchersOf(friend)) viewer.untold.add(friend)
    }
    this.#stops = [
      positions.onChange(moved),
      // Where somebody is may have been heard of before it was heard that they are there.
      presence.onChange((friend, online) => {
        if (online) moved(friend)
      }),
      bus.subscribe(event => {
        if (event.kind === 'sessions-ended') this.#revoke(event)
      })
    ]
  }

  /** Streams that are open on this instance. */
  get size(): number {
    return this.#circles.all().length
  }

  /** Streams that are open for one user on this instance. */
  sizeOf(user: Address): number {
    return this.#circles.of(user).size
  }

  /** The sessions by which streams live here, with the hex hashes of their access tokens. */
  sessions(): { address: Address; tokenHash: string }[] {
    const all = this.#circles.all()
    return all.flatMap(({ user, viewer: { tokenHash } }) => (tokenHash === null ? [] : [{ address: user, tokenHash }]))
  }

  /** Takes the word of a user on where they are. */
  heartbeat(user: Address, position: WorldPosition): void {
    this.#deps.positions.set(user, position)
  }

  /** Those of some users who are online. */
  online(users: readonly Address[]): Address[] {
    return users.filter(user => this.#deps.presence.isOnline(user))
  }

  /**
   * The positions of a user's friends: first of all who are online, then of those who moved, at most once a second.
   * @throws SocialError `unauthorized` when the session ends
   */
  async *positions({ address, tokenHash, signal }: Subscriber): AsyncGenerator<WorldPosition[]> {
    const viewer: Viewer = { tokenHash, untold: new Set(), toldAt: -TELL_MS, wake: () => undefined, end: undefined }
    const circle = this.#circles.open(address, viewer)
    const leave = this.#turns.join(circle)
    const abort = (): void => end(viewer, 'in good order')
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    try {
      await circle.fill()
      for (const friend of circle.friends) viewer.untold.add(friend)
      while (!viewer.end) {
        const positions = this.#take(circle)
        if (positions.length > 0) {
          yield positions
          viewer.toldAt = performance.now()
        }
        await isDue(viewer)
      }
      if (viewer.end instanceof SocialError) throw viewer.end
    } finally {
      signal.removeEventListener('abort', abort)
      leave()
      circle.close()
    }
  }

  close(): void {
    this.#turns.close()
    for (const stop of this.#stops) stop()
    this.#circles.close()
    for (const { viewer } of this.#circles.all()) end(viewer, 'in good order')
  }

  #take({ friends, viewer }: Circle<Viewer>): WorldPosition[] {
    const positions: WorldPosition[] = []
    for (const friend of viewer.untold) {
      if (positions.length === MAX_TOLD) break
      viewer.untold.delete(friend)
      // Who is no friend any more is not shown, also when they moved while they still were one.
      const position = friends.has(friend) ? this.#deps.positions.of(friend) : null
      if (position) positions.push(position)
    }
    return positions
  }

  #turn({ viewer }: Circle<Viewer>): void {
    if (viewer.untold.size > 0 && performance.now() - viewer.toldAt >= TELL_MS) viewer.wake()
  }

  #revoke({ address, tokenHashes }: SessionsEnded): void {
    for (const { viewer } of this.#circles.of(address)) {
      if (viewer.tokenHash === null || !tokenHashes.includes(viewer.tokenHash)) continue
      end(viewer, new SocialError('unauthorized', 'The session has ended'))
    }
  }
}

function end(viewer: Viewer, why: NonNullable<Viewer['end']>): void {
  viewer.end ??= why
  viewer.wake()
}

/** Resolves when there is something to tell and it may be told, or when the stream is over. */
function isDue(viewer: Viewer): Promise<void> {
  return new Promise(resolve => {
    viewer.wake = resolve
    if (viewer.end) resolve()
  })
}
