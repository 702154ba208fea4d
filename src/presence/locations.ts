import { type Channel, type ChannelMessage, MAX_MESSAGE_LENGTH } from '../cluster/channel.ts'
import { MAX_USERS, type PositionsTold, type WorldPosition } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import type { OnlineUsers } from './local-presence.ts'

export type { WorldPosition }

type Told = PositionsTold['positions'][number]

interface LocationsOptions {
  /** The name of this instance. */
  readonly instance: string
  readonly presence: OnlineUsers
  readonly channel: Channel
  /** How long a position holds after its user said it, in milliseconds. */
  readonly lifetimeMs: number
  /** Told of every message about positions. */
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** Where a user is, and since when; by the monotonic clock of this process, in milliseconds. */
interface Entry {
  readonly position: WorldPosition
  readonly at: number
  /** Whether the user said it here: what others said, others tell. */
  readonly isLocal: boolean
}

/** How often the other instances are told, in milliseconds. */
const TELL_MS = 1000
/** Room in a message for what is around the positions, in characters. */
const ENVELOPE_LENGTH = 200
/** Positions that are kept: the oldest make room for more. */
const MAX_POSITIONS = 1_000_000

/** Where the users who are online are in the world (ADR-246), as far as they said so within the lifetime of a position. */
export class Locations {
  readonly #options: LocationsOptions
  /** Oldest first, as they came. */
  readonly #entries = new Map<Address, Entry>()
  /** Users whose position the other instances have not been told. */
  readonly #untold = new Set<Address>()
  readonly #listeners = new Set<(user: Address) => void>()
  readonly #stops: (() => void)[]
  readonly #pulse: NodeJS.Timeout

  constructor(options: LocationsOptions) {
    this.#options = options
    this.#stops = [
      options.presence.onChange((user, online) => {
        if (!online) this.#forget(user)
      }),
      options.channel.subscribe(message => this.#hear(message))
    ]
    this.#pulse = setInterval(() => {
      this.#sweep()
      this.#tell()
    }, TELL_MS)
  }

  /** Takes the word of a user of this instance. */
  set(user: Address, position: WorldPosition): void {
    this.#untold.add(user)
    this.#put(user, { position, at: performance.now(), isLocal: true })
  }

  /** Where a user is; null when they are not online, or have not said so within the lifetime. */
  of(user: Address): WorldPosition | null {
    const entry = this.#entries.get(user)
    return entry && this.#isFresh(entry) && this.#options.presence.isOnline(user) ? entry.position : null
  }

  /** Tells of every user whose position is another one than before. @returns how to stop listening */
  onChange(listener: (user: Address) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    clearInterval(this.#pulse)
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
  }

  #put(user: Address, entry: Entry): void {
    const before = this.#entries.get(user)
    if (before && before.at > entry.at) return
    this.#entries.delete(user)
    this.#entries.set(user, entry)
    if (this.#entries.size > MAX_POSITIONS) this.#dropOldest()
    const isNews = !before || !this.#isFresh(before) || !isSame(before.position, entry.position)
    if (isNews) for (const listener of this.#listeners) listener(user)
  }

  #hear(message: ChannelMessage | MessagesLost): void {
    if (message.kind === 'positions') {
      this.#options.onMessage('received')
      const now = performance.now()
      for (const { user, position, ageMs } of message.positions) {
        this.#put(user, { position, at: now - ageMs, isLocal: false })
      }
    } else if (message.kind === 'presence-wanted') {
      const isMeant = message.of === null || message.of === this.#options.instance
      if (isMeant) for (const user of this.#entries.keys()) this.#untold.add(user)
    }
  }

  #tell(): void {
    const now = performance.now()
    let positions: Told[] = []
    let length = ENVELOPE_LENGTH
    for (const user of this.#untold) {
      const entry = this.#entries.get(user)
      if (!entry?.isLocal) continue
      const told = { user, position: entry.position, ageMs: Math.round(now - entry.at) }
      const more = JSON.stringify(told).length + 1
      if (positions.length === MAX_USERS || length + more > MAX_MESSAGE_LENGTH) {
        this.#send(positions)
        positions = []
        length = ENVELOPE_LENGTH
      }
      positions.push(told)
      length += more
    }
    if (positions.length > 0) this.#send(positions)
    this.#untold.clear()
  }

  #send(positions: readonly Told[]): void {
    this.#options.channel.send({ kind: 'positions', positions })
    this.#options.onMessage('sent')
  }

  #sweep(): void {
    for (const [user, entry] of this.#entries) {
      if (this.#isFresh(entry)) break
      this.#forget(user)
    }
  }

  #dropOldest(): void {
    for (const user of this.#entries.keys()) {
      this.#forget(user)
      break
    }
  }

  #forget(user: Address): void {
    this.#entries.delete(user)
    this.#untold.delete(user)
  }

  #isFresh({ at }: Entry): boolean {
    return performance.now() - at < this.#options.lifetimeMs
  }
}

function isSame(one: WorldPosition, other: WorldPosition): boolean {
  return one.realm === other.realm && one.x === other.x && one.y === other.y
}
