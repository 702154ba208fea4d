import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'

export type BusListener = (event: SocialEvent) => void

/**
 * Brings every instance of the service, this one included, what was committed. The event log is the truth and the bus
 * only the wake-up: to publish never fails and is never waited for.
 */
export interface Bus {
  publish(event: PairEvent | SessionsEnded): void
  /** @returns how to stop listening */
  subscribe(listener: BusListener): () => void
  close(): Promise<void>
}
