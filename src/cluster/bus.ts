import type { Address } from '../domain/address.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'

export type BusListener = (event: SocialEvent) => void

/**
 * Brings every instance of the service, this one included, what was committed and concerns somebody there. The event log
 * is the truth, and what it holds is brought in any case: to publish never fails and is never waited for.
 */
export interface Bus {
  /** @param after the number of the event of the same pair that this one follows; 0 when it is the first */
  publish(event: PairEvent | SessionsEnded, after?: number): void
  /**
   * Has the events of the pairs of a user brought to the listeners, whichever of the two acts. What was committed shortly
   * before may come too.
   * @returns how to stop, which may be called again
   */
  follow(user: Address): () => void
  /** @returns how to stop listening */
  subscribe(listener: BusListener): () => void
  /** Called with every event of a pair that is committed here, for those to whom it is all the same whose it is. */
  onCommit(listener: () => void): () => void
  close(): Promise<void>
}
