import type { Address } from '../domain/address.ts'
import type { EndSignal } from '../lib/end-signal.ts'

/** Everything that a device can subscribe to: friendships and blocks, who is online, where friends are. */
export type SubscriptionKind = 'updates' | 'connectivity' | 'positions'

/** A device that subscribes. */
export interface Subscriber {
  readonly address: Address
  /** The hex hash of the access token that the stream lives by, or null when it lives by its socket alone. */
  readonly tokenHash: string | null
  /** Aborts when the stream, its port or its socket ends. */
  readonly signal: EndSignal
  /** How many of the events that were handed over the client has acknowledged: always the first ones. */
  readonly acknowledged: () => number
}

/**
 * The events for one device, whatever they are about: to be iterated once, and encoded by the one who iterates. It is open
 * before its snapshot is read, and ends with its signal, its session, or the one who iterates.
 */
export interface Subscription<Event> extends AsyncIterableIterator<Event> {
  /** The events behind the one that was handed over last, oldest first, so that all can be prepared at once. */
  readonly waiting: readonly Event[]
  /** Calls back once when it is worth to ask for the next one, or there will be none; maybe at once. One waits at a time. */
  whenReady(ready: () => void): void
  return(): Promise<IteratorResult<Event>>
}
