import { type Channel, type ChannelMessage, MAX_MESSAGE_LENGTH } from '../cluster/channel.ts'
import { MAX_USERS, type PositionsMessage, type WorldPosition } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import type { OnlineUsers } from './local-presence.ts'

export type { WorldPosition }

type ReportedPosition = PositionsMessage['positions'][number]

/** The other instances that want to know where users of this one are. */
interface Locators {
  locatorsOf(user: Address): readonly string[]
  /** Calls the listener when an instance begins to want that of a user. @returns how to stop that */
  onLocate(listener: (user: Address, instance: string) => void): () => void
}

interface LocationsOptions {
  readonly presence: OnlineUsers
  readonly locators: Locators
  readonly channel: Channel
  /** How long a position holds after its user reported it, in milliseconds. */
  readonly lifetimeMs: number
  /** Called for every message about positions. */
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** Where a user is, and since when; by the monotonic clock of this process, in milliseconds. */
interface Entry {
  readonly position: WorldPosition
  readonly at: number
  /** Whether the user reported it here: each instance sends those of its own users. */
  readonly isLocal: boolean
}

/** How often positions are sent to the other instances, in milliseconds. */
const SEND_MS = 1000
/** Room in a message for what is around the positions, in characters. */
const ENVELOPE_LENGTH = 200
/** Positions in memory: the oldest make room for more. */
const MAX_POSITIONS = 1_000_000

/** Where the users who are online are in the world (ADR-246), as far as they reported it within the lifetime of a position. */
export class Locations {
  readonly #options: LocationsOptions
  /** Oldest first, as they came. */
  readonly #entries = new Map<Address, Entry>()
  /** Users whose position is to be sent to the other instances that want it; or to those instances alone. */
  readonly #pending = new Map<Address, 'all' | Set<string>>()
  readonly #listeners = new Set<(user: Address) => void>()
  readonly #unsubscribes: (() => void)[]
  readonly #sendTimer: NodeJS.Timeout

  constructor(options: LocationsOptions) {
    this.#options = options
    this.#unsubscribes = [
      options.presence.onChange((user, online) => {
        if (!online) this.#remove(user)
      }),
      options.channel.subscribe(message => this.#receive(message)),
      options.locators.onLocate((user, instance) => {
        const pending = this.#pending.get(user) ?? new Set()
        if (pending !== 'all') this.#pending.set(user, pending.add(instance))
      })
    ]
    this.#sendTimer = setInterval(() => {
      this.#sweep()
      this.#sendPending()
    }, SEND_MS)
  }

  /** Takes the position that a user of this instance reports. */
  set(user: Address, position: WorldPosition): void {
    this.#pending.set(user, 'all')
    this.#store(user, { position, at: performance.now(), isLocal: true })
  }

  /** Where a user is; null when they are not online, or have not reported it within the lifetime. */
  of(user: Address): WorldPosition | null {
    const entry = this.#entries.get(user)
    return entry && this.#isFresh(entry) && this.#options.presence.isOnline(user) ? entry.position : null
  }

  /** Calls the listener for every user whose position is another one than before. @returns how to stop that */
  onChange(listener: (user: Address) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    clearInterval(this.#sendTimer)
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    this.#listeners.clear()
  }

  #store(user: Address, entry: Entry): void {
    const before = this.#entries.get(user)
    if (before && before.at > entry.at) return
    this.#entries.delete(user)
    this.#entries.set(user, entry)
    if (this.#entries.size > MAX_POSITIONS) this.#dropOldest()
    const isChanged = !before || !this.#isFresh(before) || !isSame(before.position, entry.position)
    if (isChanged) for (const listener of this.#listeners) listener(user)
  }

  #receive(message: ChannelMessage | MessagesLost): void {
    if (message.kind !== 'positions') return
    this.#options.onMessage('received')
    const now = performance.now()
    for (const { user, position, ageMs } of message.positions) {
      this.#store(user, { position, at: now - ageMs, isLocal: false })
    }
  }

  #sendPending(): void {
    const now = performance.now()
    const batches = new Map<string, { positions: ReportedPosition[]; length: number }>()
    for (const [user, instances] of this.#pending) {
      const entry = this.#entries.get(user)
      if (!entry?.isLocal) continue
      const wanted = instances === 'all' ? this.#options.locators.locatorsOf(user) : [...instances]
      if (wanted.length === 0) continue
      const reported = { user, position: entry.position, ageMs: Math.round(now - entry.at) }
      const extra = JSON.stringify(reported).length + 1
      for (const instance of wanted) {
        let batch = batches.get(instance)
        if (batch && (batch.positions.length === MAX_USERS || batch.length + extra > MAX_MESSAGE_LENGTH)) {
          this.#send(instance, batch.positions)
          batch = undefined
        }
        batch ??= { positions: [], length: ENVELOPE_LENGTH }
        batch.positions.push(reported)
        batch.length += extra
        batches.set(instance, batch)
      }
    }
    for (const [instance, { positions }] of batches) this.#send(instance, positions)
    this.#pending.clear()
  }

  #send(instance: string, positions: readonly ReportedPosition[]): void {
    this.#options.channel.sendToInstance(instance, { kind: 'positions', positions })
    this.#options.onMessage('sent')
  }

  #sweep(): void {
    for (const [user, entry] of this.#entries) {
      if (this.#isFresh(entry)) break
      this.#remove(user)
    }
  }

  #dropOldest(): void {
    for (const user of this.#entries.keys()) {
      this.#remove(user)
      break
    }
  }

  #remove(user: Address): void {
    this.#entries.delete(user)
    this.#pending.delete(user)
  }

  #isFresh({ at }: Entry): boolean {
    return performance.now() - at < this.#options.lifetimeMs
  }
}

function isSame(one: WorldPosition, other: WorldPosition): boolean {
  return one.realm === other.realm && one.x === other.x && one.y === other.y
}
