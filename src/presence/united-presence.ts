import type { Address } from '../domain/address.ts'
import type { OnlineUsers, PresenceListener } from './local-presence.ts'

/** Who is online by any of several sources; each comes and goes once, however many there are. */
export class UnitedPresence implements OnlineUsers {
  readonly #sources: readonly OnlineUsers[]
  readonly #listeners = new Set<PresenceListener>()
  readonly #unsubscribes: readonly (() => void)[]
  #size = 0

  /** @param sources nobody is online by them yet */
  constructor(sources: readonly OnlineUsers[]) {
    this.#sources = sources
    this.#unsubscribes = sources.map(source =>
      source.onChange((user, online) => {
        const isOtherwise = sources.some(other => other !== source && other.isOnline(user))
        if (!isOtherwise) this.#notify(user, online)
      })
    )
  }

  /** Users who are online. */
  get size(): number {
    return this.#size
  }

  isOnline(address: Address): boolean {
    return this.#sources.some(source => source.isOnline(address))
  }

  async settle(users: readonly Address[]): Promise<void> {
    await Promise.all(this.#sources.map(source => source.settle(users)))
  }

  onChange(listener: PresenceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    this.#listeners.clear()
  }

  #notify(user: Address, online: boolean): void {
    this.#size += online ? 1 : -1
    for (const listener of this.#listeners) listener(user, online)
  }
}
