import type { PresenceChange, PresenceSnapshot } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import { type Part, Parts } from './parts.ts'

/** What a message changes in what is known of the users of an instance. */
export interface PeerChanges {
  readonly came: readonly Address[]
  readonly left: readonly Address[]
}

/** What is known of the users of another instance, as far as they matter here, by its messages, each of which may be lost. */
export class PeerState {
  readonly #users = new Set<Address>()
  /** The last version that was applied; null when one is missing. */
  #version: number | null = null
  readonly #snapshots = new Parts<Address>()

  /** The last version that was applied, 0 when there is none. */
  get version(): number {
    return this.#version ?? 0
  }

  get users(): ReadonlySet<Address> {
    return this.#users
  }

  /** Whether everything up to a version was applied. */
  knows(version: number): boolean {
    return version === 0 || (this.#version !== null && this.#version >= version)
  }

  /** @returns what it changes; null when it was applied already, or when one before it is missing */
  applyChange({ version, after, came, online, offline }: PresenceChange): PeerChanges | null {
    if (this.knows(version)) return null
    // The first message of an instance of which nothing is known yet.
    const isFirst = after === 0 && this.#version === null && this.#users.size === 0
    if (this.#version !== after && !isFirst) {
      this.#version = null
      return null
    }
    this.#version = version
    const left = offline.filter(user => this.#users.delete(user))
    return { came: [...this.#add(came), ...this.#add(online)], left }
  }

  /** Applies one part. Who is in none has left when the last one is there. @returns null when something is missing still */
  applySnapshot(message: Part & Pick<PresenceSnapshot, 'online'>): PeerChanges | null {
    if (this.knows(message.version)) return null
    const online = this.#snapshots.add(message, message.online)
    if (!online) return null
    const there = new Set(online)
    const left = [...this.#users].filter(user => !there.has(user))
    for (const user of left) this.#users.delete(user)
    this.#version = message.version
    return { came: this.#add(online), left }
  }

  /** Nobody wants to know any more of a user. @returns whether they were online there */
  forget(user: Address): boolean {
    return this.#users.delete(user)
  }

  #add(users: readonly Address[]): Address[] {
    const added = users.filter(user => !this.#users.has(user))
    for (const user of added) this.#users.add(user)
    return added
  }
}
