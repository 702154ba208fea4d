import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { SessionsEnded } from '../domain/events.ts'
import { Multimap } from '../lib/multimap.ts'
import type { Subscriber, SubscriptionKind } from './subscription.ts'

/** Ends a subscription: in good order, or with an error for the one who iterates. */
type End = (error: SocialError | null) => void

interface Entry {
  readonly address: Address
  readonly tokenHash: string | null
  readonly end: End
}

/** All subscriptions of this instance: how many there are, whose, and what ends them before their client does. */
export class OpenSubscriptions {
  readonly #byUser = new Multimap<Address, Entry>()
  readonly #sizes: Record<SubscriptionKind, number> = { updates: 0, connectivity: 0, positions: 0 }

  /** Subscriptions of one kind. */
  size(kind: SubscriptionKind): number {
    return this.#sizes[kind]
  }

  /** Subscriptions of one user, of all kinds. */
  sizeOf(user: Address): number {
    return this.#byUser.get(user).size
  }

  /** The sessions by which subscriptions live, with the hex hashes of their access tokens. */
  sessions(): { address: Address; tokenHash: string }[] {
    return this.#byUser.values().flatMap(({ address, tokenHash }) => (tokenHash ? [{ address, tokenHash }] : []))
  }

  /**
   * Counts a subscription until it is removed.
   * @param end called when its signal aborts, also when it has; with `unauthorized` when its session ends
   * @returns how to remove it, which may be called again
   */
  add(kind: SubscriptionKind, { address, tokenHash, signal }: Subscriber, end: End): () => void {
    const entry: Entry = { address, tokenHash, end }
    const onAbort = (): void => end(null)
    this.#byUser.add(address, entry)
    this.#sizes[kind] += 1
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) end(null)
    return () => {
      signal.removeEventListener('abort', onAbort)
      if (this.#byUser.remove(address, entry)) this.#sizes[kind] -= 1
    }
  }

  /** Ends what lives by a session that is over. */
  endSessions({ address, tokenHashes }: SessionsEnded): void {
    for (const { tokenHash, end } of [...this.#byUser.get(address)]) {
      if (tokenHash === null || !tokenHashes.includes(tokenHash)) continue
      end(new SocialError('unauthorized', 'The session has ended'))
    }
  }

  /** Ends all of them. */
  close(): void {
    for (const { end } of this.#byUser.values()) end(null)
  }
}
