import type { Address } from '../domain/address.ts'
import { AgingSet } from '../lib/aging-set.ts'
import type { WorldEvent } from '../world/world-events.ts'
import type { OnlineUsers, PresenceListener } from './local-presence.ts'

interface InWorldPresenceOptions {
  /** Whether the peers are heard. While they are not, nobody is gone because of it. */
  readonly isConnected: () => boolean
  /** How long a user may be silent who sends heartbeats, in milliseconds. */
  readonly heartbeatTimeoutMs: number
  /** How long a user is in a world of their own at most, in milliseconds. */
  readonly worldTimeoutMs: number
  /** How long a user who is said to have left still counts as online, in milliseconds: they may be on their way elsewhere. */
  readonly graceMs: number
  /** Called when a user cannot be taken, because there are too many. */
  readonly onFull: () => void
  readonly maxUsers?: number
}

/** Who is in worlds of their own, as one instance knows it. */
export interface WorldUsers {
  readonly users: readonly Address[]
  /** For how long that instance has heard the peers without a pause, in milliseconds. */
  readonly heardForMs: number
}

/** Silence is counted so often, in milliseconds; more often where a timeout is short. */
const TICK_MS = 1000
/** Of a timeout one part in so many may be counted too much or too little. */
const TICKS_PER_TIMEOUT = 10
/** In milliseconds. */
const MIN_TICK_MS = 50
/** Heartbeats that come so soon after a user has joined a world were sent before that; in milliseconds. */
const OVERLAP_MS = 30_000
/** Who was last known to be in the world is believed to be there for so long while the peers cannot be heard; in milliseconds. */
const MAX_OUTAGE_MS = 3_600_000
/** Users who go at a time: what each of them sets off must not hold up what others wait for. */
const CHUNK = 200
/** About 40 MB of them. */
const MAX_USERS = 250_000

/**
 * Who is in the world, as its peers say. Every instance hears the same, and so needs no other to know it.
 *
 * Silence is counted in ticks of this process, and only while the peers are heard: nobody is gone because NATS is away or
 * this process stood still. After either everybody has all the time again.
 */
export class InWorldPresence implements OnlineUsers {
  readonly #options: InWorldPresenceOptions
  readonly #maxUsers: number
  /** Users who send heartbeats. */
  readonly #beating: AgingSet<Address>
  /** Users who are in a world of their own, from where there are no heartbeats. */
  readonly #inWorlds: AgingSet<Address>
  /** Users who are said to have left. */
  readonly #leaving: AgingSet<Address>
  readonly #overlap: number
  readonly #maxOutage: number
  readonly #listeners = new Set<PresenceListener>()
  readonly #tickTimer: NodeJS.Timeout
  /** Users of whom worlds were heard of since the peers are heard again; null when nobody has to know that any more. */
  #heard: Set<Address> | null = null
  /** When the peers were heard last, and since when; by the monotonic clock, in milliseconds. */
  #heardAt = performance.now()
  #heardSince = performance.now()
  /** How long they could not be heard before, in milliseconds. */
  #missedMs = 0
  /** Ticks since the peers could not be heard any more. */
  #outage = 0
  #isClosed = false

  constructor(options: InWorldPresenceOptions) {
    this.#options = options
    const { heartbeatTimeoutMs, worldTimeoutMs, graceMs, maxUsers = MAX_USERS } = options
    const tickMs = Math.max(MIN_TICK_MS, Math.min(TICK_MS, heartbeatTimeoutMs / TICKS_PER_TIMEOUT))
    // One more: the first comes at any moment after the last sign of a user.
    const ticks = (ms: number): number => Math.ceil(ms / tickMs) + 1
    this.#maxUsers = maxUsers
    this.#beating = new AgingSet(ticks(heartbeatTimeoutMs))
    this.#inWorlds = new AgingSet(ticks(worldTimeoutMs))
    this.#leaving = new AgingSet(ticks(graceMs))
    this.#overlap = ticks(OVERLAP_MS)
    this.#maxOutage = ticks(MAX_OUTAGE_MS)
    this.#tickTimer = setInterval(() => this.#tick(), tickMs)
  }

  /** Users who are in the world. */
  get size(): number {
    // Who sends heartbeats may have just come from a world, and who left it may be there already.
    let size = this.#beating.size
    for (const user of this.#inWorlds) if (!this.#beating.has(user)) size += 1
    for (const user of this.#leaving) if (!this.#beating.has(user) && !this.#inWorlds.has(user)) size += 1
    return size
  }

  isOnline(address: Address): boolean {
    return this.#beating.has(address) || this.#inWorlds.has(address) || this.#leaving.has(address)
  }

  async settle(): Promise<void> {}

  onChange(listener: PresenceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get inWorlds(): WorldUsers {
    return { users: [...this.#inWorlds], heardForMs: performance.now() - this.#heardSince }
  }

  /** Takes what the peers say of a user. */
  apply({ kind, user }: WorldEvent): void {
    if (kind === 'world.join' || kind === 'world.leave') this.#heard?.add(user)
    switch (kind) {
      case 'heartbeat':
        this.#stays(user, this.#beating)
        // They have left the world, and that was not heard. The other way it is not so: one socket closes late.
        if (this.#inWorlds.ageOf(user) >= this.#overlap) this.#inWorlds.delete(user)
        break
      case 'world.join':
        this.#stays(user, this.#inWorlds)
        break
      case 'world.leave':
        this.#leaves(user, this.#inWorlds)
        break
      // One who connects has no heartbeat yet: what was known is of an earlier connection.
      case 'connect':
      case 'disconnect':
        this.#leaves(user, this.#beating)
    }
  }

  /** The peers are heard again: everybody has all the time to show that they are there. */
  recover(): void {
    this.#outage = 0
    this.#beating.rejuvenate()
    this.#leaving.rejuvenate()
    this.#heard = new Set()
    this.#heardSince = performance.now()
    this.#missedMs = this.#heardSince - this.#heardAt
  }

  /**
   * Takes over from another instance who is in worlds of their own: the peers do not say it again. What was heard since
   * this one hears them is newer.
   * @param known null when there is no other instance
   */
  takeOver(known: WorldUsers | null): void {
    const heard = this.#heard ?? new Set()
    this.#heard = null
    if (known === null) return
    const there = new Set(known.users)
    for (const user of there) if (!this.#inWorlds.has(user) && !heard.has(user)) this.#stays(user, this.#inWorlds)
    // Who left is known by one that was there all the time: not by one that lost NATS as well, or has just begun.
    if (known.heardForMs <= this.#missedMs) return
    for (const user of [...this.#inWorlds]) {
      if (!there.has(user) && !heard.has(user)) this.#leaves(user, this.#inWorlds)
    }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#tickTimer)
    this.#listeners.clear()
  }

  #stays(user: Address, where: AgingSet<Address>): void {
    const isNew = !this.isOnline(user)
    if (isNew && this.#known >= this.#maxUsers) {
      this.#options.onFull()
      return
    }
    where.touch(user)
    this.#leaving.delete(user)
    if (isNew) this.#notify(user, true)
  }

  #leaves(user: Address, where: AgingSet<Address>): void {
    if (where.delete(user)) this.#leaving.touch(user)
  }

  /** No less than the users who are known. */
  get #known(): number {
    return this.#beating.size + this.#inWorlds.size + this.#leaving.size
  }

  #tick(): void {
    const isConnected = this.#options.isConnected()
    this.#outage = isConnected ? 0 : this.#outage + 1
    if (isConnected) this.#heardAt = performance.now()
    if (this.#outage > 0 && this.#outage <= this.#maxOutage) return
    for (const set of this.#sets) set.tick()
    this.#expire()
  }

  get #sets(): readonly AgingSet<Address>[] {
    return [this.#beating, this.#inWorlds, this.#leaving]
  }

  #expire(): void {
    if (this.#isClosed) return
    const gone = this.#sets.flatMap(set => set.takeOld(CHUNK))
    for (const user of gone) if (!this.isOnline(user)) this.#notify(user, false)
    if (gone.length >= CHUNK) setImmediate(() => this.#expire())
  }

  #notify(user: Address, online: boolean): void {
    for (const listener of this.#listeners) listener(user, online)
  }
}
