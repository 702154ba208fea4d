import type { Bus, BusListener } from '../../src/cluster/bus.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent, SessionsEnded } from '../../src/domain/events.ts'
import { Multimap } from '../../src/lib/multimap.ts'

/** A bus for tests of what listens to one: without a log, it delivers in the same moment. It passes the suite of the others. */
export class LocalBus implements Bus {
  /** Who is followed, though it delivers the events of all. */
  readonly followed = new Multimap<Address, object>()
  readonly #listeners = new Set<BusListener>()
  readonly #onError: (error: unknown) => void

  /** @param onError called with what a listener threw; the other listeners still get the event */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  publish(event: PairEvent | SessionsEnded): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  follow(user: Address): () => void {
    const follower = {}
    this.followed.add(user, follower)
    return () => void this.followed.remove(user, follower)
  }

  onCommit(): () => void {
    return () => undefined
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }
}
