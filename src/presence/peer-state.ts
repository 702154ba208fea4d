import type { PresenceChange, PresenceSnapshot } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'

/** What a message changes in what is known of the users of an instance. */
export interface PeerChanges {
  readonly came: readonly Address[]
  readonly left: readonly Address[]
}

const NONE: PeerChanges = { came: [], left: [] }

/** What is known of another instance by its messages, each of which may be lost. */
export class PeerState {
  /** Beats that were due since its last message. */
  silentBeats = 0
  /** It was asked for a snapshot, and may be about to send one. */
  isSnapshotRequested = false
  readonly #users = new Set<Address>()
  /** The last change that was applied; null when one is missing. */
  #version: number | null = null
  /** A snapshot of which some parts have come. */
  #partial: { readonly version: number; readonly users: Set<Address>; nextPart: number } | null = null

  get users(): readonly Address[] {
    return [...this.#users]
  }

  /** Whether everything up to a version was applied. */
  knows(version: number): boolean {
    return this.#version !== null && this.#version >= version
  }

  /** @returns what it changes; nothing when it was applied already, or when one before it is missing */
  applyChange({ version, online, offline }: PresenceChange): PeerChanges {
    if (this.knows(version)) return NONE
    if (this.#version !== version - 1) {
      this.#version = null
      return NONE
    }
    this.#version = version
    const came = online.filter(user => !this.#users.has(user))
    const left = offline.filter(user => this.#users.delete(user))
    for (const user of came) this.#users.add(user)
    return { came, left }
  }

  /** Applies one part. Who is in it has come; who is in no part has left when the last one is there. */
  applySnapshot({ version, part, parts, online }: PresenceSnapshot): PeerChanges {
    if (this.knows(version)) return NONE
    if (part === 0) this.#partial = { version, users: new Set(), nextPart: 0 }
    const partial = this.#partial
    if (partial?.version !== version || partial.nextPart !== part) return NONE
    partial.nextPart += 1
    const came = online.filter(user => !this.#users.has(user))
    for (const user of online) partial.users.add(user)
    for (const user of came) this.#users.add(user)
    if (partial.nextPart < parts) return { came, left: [] }

    const left = this.users.filter(user => !partial.users.has(user))
    for (const user of left) this.#users.delete(user)
    this.#partial = null
    this.#version = version
    this.isSnapshotRequested = false
    return { came, left }
  }
}
