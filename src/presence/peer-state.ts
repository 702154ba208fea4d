import type { PresenceChange, PresenceSnapshot } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'

/** What a message changes in what is known of the users of an instance. */
export interface Moves {
  readonly came: readonly Address[]
  readonly left: readonly Address[]
}

const NONE: Moves = { came: [], left: [] }

/** What is known of another instance by its messages, each of which may be lost. */
export class PeerState {
  /** Beats that were due since it was last heard. */
  silentBeats = 0
  /** It was asked for everything, and may be about to answer. */
  isAsked = false
  readonly #users = new Set<Address>()
  /** The last change that is in what is known; null when one is missing. */
  #version: number | null = null
  /** A whole of which parts have come. */
  #whole: { readonly version: number; readonly users: Set<Address>; nextPart: number } | null = null

  get users(): readonly Address[] {
    return [...this.#users]
  }

  /** Whether everything is known that was told up to a version. */
  knows(version: number): boolean {
    return this.#version !== null && this.#version >= version
  }

  /** @returns what it changes; nothing when it is known already, or when one before it is missing */
  applyChange({ version, online, offline }: PresenceChange): Moves {
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

  /** Takes one part. Who is in it has come; who is in no part has left when the last one is there. */
  applySnapshot({ version, part, parts, online }: PresenceSnapshot): Moves {
    if (this.knows(version)) return NONE
    if (part === 0) this.#whole = { version, users: new Set(), nextPart: 0 }
    const whole = this.#whole
    if (whole?.version !== version || whole.nextPart !== part) return NONE
    whole.nextPart += 1
    const came = online.filter(user => !this.#users.has(user))
    for (const user of online) whole.users.add(user)
    for (const user of came) this.#users.add(user)
    if (whole.nextPart < parts) return { came, left: [] }

    const left = this.users.filter(user => !whole.users.has(user))
    for (const user of left) this.#users.delete(user)
    this.#whole = null
    this.#version = version
    this.isAsked = false
    return { came, left }
  }
}
