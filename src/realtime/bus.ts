import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'

export type BusListener = (event: SocialEvent) => void

/**
 * Tells every instance of the service, this one included, what was committed. The event log is the truth and the bus
 * only the wake-up: to publish never fails and is never waited for.
 */
export interface Bus {
  publish(event: PairEvent | SessionsEnded): void
  /** @returns how to stop listening */
  subscribe(listener: BusListener): () => void
  close(): Promise<void>
}

/** The bus of a single instance: in its own process, in order, at once. */
export class LocalBus implements Bus {
  readonly #listeners = new Set<BusListener>()
  readonly #onError: (error: unknown) => void

  /** @param onError told what a listener threw; the other listeners still hear the event */
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

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }
}
