import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { SocialError, tooFarBehind } from '../domain/errors.ts'
import type { PairEvent, SessionsEnded } from '../domain/events.ts'
import { BoundedQueue } from '../lib/bounded-queue.ts'
import { Multimap } from '../lib/multimap.ts'

/** Whose updates to deliver, and for how long. */
export interface Subscriber {
  readonly address: Address
  /** The hex hash of the access token that the stream lives by, or null when it lives by its socket alone. */
  readonly tokenHash: string | null
  /** Aborts when the stream, its port or its socket ends. */
  readonly signal: AbortSignal
}

interface Subscription {
  readonly address: Address
  readonly tokenHash: string | null
  readonly queue: BoundedQueue<PairEvent>
}

/** Who listens to what on this instance: all streams of all devices, found by the address of their user. */
export class Hub {
  readonly #queueSize: number
  readonly #byAddress = new Multimap<Address, Subscription>()
  readonly #stopListening: () => void
  #size = 0

  /** @param queueSize updates that may wait for one slow stream before it is ended */
  constructor(bus: Bus, queueSize: number) {
    this.#queueSize = queueSize
    this.#stopListening = bus.subscribe(event => {
      if (event.kind === 'pair') this.#deliver(event)
      else if (event.kind === 'sessions-ended') this.#revoke(event)
    })
  }

  /** Streams that are open on this instance. */
  get size(): number {
    return this.#size
  }

  /** Streams that are open for one user on this instance. */
  sizeOf(address: Address): number {
    return this.#byAddress.get(address).size
  }

  /** The sessions by which streams live here, with the hex hashes of their access tokens. */
  sessions(): { address: Address; tokenHash: string }[] {
    return this.#byAddress.values().flatMap(({ address, tokenHash }) => (tokenHash ? [{ address, tokenHash }] : []))
  }

  /** Everything that others do to this user from now on. Fails with `unauthorized` when the session ends. */
  open({ address, tokenHash, signal }: Subscriber): BoundedQueue<PairEvent> {
    const end = (): void => queue.end()
    const queue = new BoundedQueue<PairEvent>(
      this.#queueSize,
      () => {
        signal.removeEventListener('abort', end)
        this.#remove(address, subscription)
      },
      tooFarBehind
    )
    const subscription = { address, tokenHash, queue }
    this.#byAddress.add(address, subscription)
    this.#size += 1
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    return queue
  }

  /** Ends every stream. */
  close(): void {
    this.#stopListening()
    for (const { queue } of this.#byAddress.values()) queue.end()
  }

  #deliver(event: PairEvent): void {
    for (const { queue } of this.#byAddress.get(event.target)) queue.push(event)
  }

  #revoke({ address, tokenHashes }: SessionsEnded): void {
    for (const { tokenHash, queue } of [...this.#byAddress.get(address)]) {
      if (tokenHash !== null && tokenHashes.includes(tokenHash)) {
        queue.end(new SocialError('unauthorized', 'The session has ended'))
      }
    }
  }

  #remove(address: Address, subscription: Subscription): void {
    if (this.#byAddress.remove(address, subscription)) this.#size -= 1
  }
}
