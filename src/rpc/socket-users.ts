import type { Address } from '../domain/address.ts'
import type { Presence } from '../realtime/presence.ts'
import type { UserLimits } from './user-limits.ts'

/** A client is one user; a few more for one who logs in anew. Who comes after these is served, but not shown online. */
const MAX_USERS = 8

interface SocketUser {
  /** Takes the socket back from their limit. */
  readonly free: () => void
  /** Takes back that they are online by this socket; may be called again. */
  leave: () => void
  /** Until when they must have sent their next heartbeat, if they ever sent one. */
  pulse: NodeJS.Timeout | null
  /** The next heartbeat did not come in time. */
  isSilent: boolean
}

/**
 * The users whom one socket keeps online: those who have shown on it who they are, until it is gone. Whoever sends
 * heartbeats on it has to go on with that (ADR-246), or does not count as online any more until the next one.
 */
export class SocketUsers {
  readonly #presence: Presence
  readonly #limits: UserLimits
  readonly #pulseMs: number
  readonly #users = new Map<Address, SocketUser>()
  #gone = false

  /** @param pulseMs the longest time from one heartbeat to the next, in milliseconds */
  constructor(presence: Presence, limits: UserLimits, pulseMs: number) {
    this.#presence = presence
    this.#limits = limits
    this.#pulseMs = pulseMs
  }

  /** @throws SocialError `too_many_requests` when the user has too many sockets already */
  seen(address: Address): void {
    // A token may turn out to be valid when its socket is gone already.
    if (this.#gone || this.#users.has(address) || this.#users.size >= MAX_USERS) return
    const free = this.#limits.connect(address)
    this.#users.set(address, { free, leave: this.#presence.connect(address), pulse: null, isSilent: false })
  }

  /** A user who was seen sent a heartbeat. */
  heartbeat(address: Address): void {
    const user = this.#users.get(address)
    if (!user) return
    if (user.isSilent) user.leave = this.#presence.connect(address)
    user.isSilent = false
    user.pulse ??= setTimeout(() => {
      user.isSilent = true
      user.leave()
    }, this.#pulseMs)
    user.pulse.refresh()
  }

  dispose(): void {
    this.#gone = true
    for (const { free, leave, pulse } of this.#users.values()) {
      if (pulse) clearTimeout(pulse)
      free()
      leave()
    }
    this.#users.clear()
  }
}
