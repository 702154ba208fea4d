import type { Address } from '../domain/address.ts'
import type { Presence } from '../realtime/presence.ts'
import type { UserLimits } from './user-limits.ts'

/** A client is one user; a few more for one who logs in anew. Who comes after these is served, but not shown online. */
const MAX_USERS = 8

/** The users whom one socket keeps online: those who have shown on it who they are, until it is gone. */
export class SocketUsers {
  readonly #presence: Presence
  readonly #limits: UserLimits
  readonly #leave = new Map<Address, () => void>()
  #gone = false

  constructor(presence: Presence, limits: UserLimits) {
    this.#presence = presence
    this.#limits = limits
  }

  /** @throws SocialError `too_many_requests` when the user has too many sockets already */
  seen(address: Address): void {
    // A token may turn out to be valid when its socket is gone already.
    if (this.#gone || this.#leave.has(address) || this.#leave.size >= MAX_USERS) return
    const free = this.#limits.connect(address)
    const leave = this.#presence.connect(address)
    this.#leave.set(address, () => {
      free()
      leave()
    })
  }

  dispose(): void {
    this.#gone = true
    for (const leave of this.#leave.values()) leave()
    this.#leave.clear()
  }
}
