import type { Address } from '../domain/address.ts'

export type PresenceListener = (address: Address, online: boolean) => void

/** Who is online, for what shows it to others. */
export interface OnlineUsers {
  isOnline(address: Address): boolean
  /** Resolves when it is known of users whether they are online, also of those whom nobody watches; or soon, when that cannot be known. */
  settle(users: readonly Address[]): Promise<void>
  /** Calls the listener for everybody who comes online or goes, of those who are watched or here. @returns how to stop that */
  onChange(listener: PresenceListener): () => void
}

/** Who is online here: every user with an open connection, and for a short grace those who just lost their last one. */
export class LocalPresence implements OnlineUsers {
  readonly #graceMs: number
  readonly #connections = new Map<Address, number>()
  /** Users without a connection whose grace is not over. */
  readonly #leaving = new Map<Address, NodeJS.Timeout>()
  readonly #listeners = new Set<PresenceListener>()

  /** @param graceMs how long a user without connections counts as online, so that a reconnect is silent; milliseconds */
  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  isOnline(address: Address): boolean {
    return this.#connections.has(address) || this.#leaving.has(address)
  }

  /** How many users are online here. */
  get size(): number {
    return this.#connections.size + this.#leaving.size
  }

  async settle(): Promise<void> {}

  /** Counts a connection of a user. @returns how to take it back, which may be called again */
  connect(address: Address): () => void {
    const isNew = !this.isOnline(address)
    this.#connections.set(address, (this.#connections.get(address) ?? 0) + 1)
    clearTimeout(this.#leaving.get(address))
    this.#leaving.delete(address)
    if (isNew) this.#notify(address, true)

    let connected = true
    return () => {
      if (connected) this.#disconnect(address)
      connected = false
    }
  }

  onChange(listener: PresenceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    for (const timer of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
    this.#listeners.clear()
  }

  #disconnect(address: Address): void {
    const left = (this.#connections.get(address) ?? 1) - 1
    if (left > 0) {
      this.#connections.set(address, left)
      return
    }
    this.#connections.delete(address)
    const over = (): void => {
      this.#leaving.delete(address)
      this.#notify(address, false)
    }
    this.#leaving.set(address, setTimeout(over, this.#graceMs))
  }

  #notify(address: Address, online: boolean): void {
    for (const listener of this.#listeners) listener(address, online)
  }
}
