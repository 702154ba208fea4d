import type { Address } from '../domain/address.ts'
import { CircuitBreaker } from '../lib/circuit-breaker.ts'
import type { Logger } from '../observability/logger.ts'
import type { Profile } from './profile.ts'

/** Addresses in one call. */
const MAX_ADDRESSES = 100
/** Calls at a time. */
const MAX_CALLS = 4
/** Lookups that may wait for their call. */
const MAX_WAITING = 50
/** For so long others may join a lookup before its call is made, in milliseconds. */
const JOIN_MS = 2

/** One call for the profiles of some addresses: before, while and after it is made. */
export interface Lookup {
  /** Resolves when the call is over, well or not. */
  readonly done: Promise<void>
  /** Who was found; nobody before the end of the call. */
  readonly found: ReadonlyMap<Address, Profile>
}

export interface LookupsOptions {
  /** Makes the call. */
  readonly fetch: (addresses: readonly Address[]) => Promise<ReadonlyMap<Address, Profile>>
  readonly callEnded: (outcome: CallOutcome, durationMs: number) => void
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

/** How a call can end. */
export const CALL_OUTCOMES = ['answered', 'failed'] as const
export type CallOutcome = (typeof CALL_OUTCOMES)[number]

/** Makes few calls for many requests: no address is in two of them at once, and calls and queue are bounded. */
export class Lookups {
  readonly #options: LookupsOptions
  readonly #circuit: CircuitBreaker
  readonly #byAddress = new Map<Address, PendingLookup>()
  readonly #calls = new Set<Promise<void>>()
  #waiting: PendingLookup[] = []
  #startTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LookupsOptions) {
    this.#options = options
    this.#circuit = new CircuitBreaker(options.now)
  }

  /** The lookup that will find an address, or null while no call can be made. */
  join(address: Address): Lookup | null {
    const pending = this.#byAddress.get(address)
    if (pending) return pending
    const lookup = this.#openLookup()
    if (!lookup) return null
    lookup.addresses.push(address)
    this.#byAddress.set(address, lookup)
    return lookup
  }

  /** Ends what waits, and awaits the calls that are under way: to cut them short is up to who makes them. */
  async close(): Promise<void> {
    this.#closed = true
    this.#dropWaiting()
    await Promise.all(this.#calls)
  }

  #openLookup(): PendingLookup | null {
    const last = this.#waiting.at(-1)
    if (last && last.addresses.length < MAX_ADDRESSES) return last
    if (this.#closed || this.#waiting.length >= this.#maxWaiting()) return null
    const lookup = new PendingLookup()
    this.#waiting.push(lookup)
    this.#startTimer ??= setTimeout(() => {
      this.#startTimer = undefined
      this.#start()
    }, JOIN_MS)
    return lookup
  }

  #maxWaiting(): number {
    const { state } = this.#circuit
    if (state === 'closed') return MAX_WAITING
    return state === 'half-open' && this.#calls.size === 0 ? 1 : 0
  }

  #start(): void {
    while (this.#calls.size < MAX_CALLS) {
      const lookup = this.#waiting.shift()
      if (!lookup) return
      const call: Promise<void> = this.#run(lookup).finally(() => {
        this.#calls.delete(call)
        this.#start()
      })
      this.#calls.add(call)
    }
  }

  async #run(lookup: PendingLookup): Promise<void> {
    const { fetch, callEnded } = this.#options
    const startedAt = performance.now()
    try {
      lookup.found = await fetch(lookup.addresses)
      callEnded('answered', performance.now() - startedAt)
      this.#succeeded()
    } catch (error) {
      if (this.#closed) return
      callEnded('failed', performance.now() - startedAt)
      this.#failed(error)
    } finally {
      this.#end(lookup)
    }
  }

  #succeeded(): void {
    if (this.#circuit.succeeded()) this.#options.logger.info('The Catalyst answers again')
  }

  #failed(error: unknown): void {
    const { logger } = this.#options
    if (this.#circuit.failed()) logger.warn({ err: error }, 'The Catalyst keeps failing and is not called for a while')
    else logger.debug({ err: error }, 'The Catalyst failed')
    if (this.#circuit.state === 'open') this.#dropWaiting()
  }

  #dropWaiting(): void {
    clearTimeout(this.#startTimer)
    this.#startTimer = undefined
    const dropped = this.#waiting
    this.#waiting = []
    for (const lookup of dropped) this.#end(lookup)
  }

  #end(lookup: PendingLookup): void {
    for (const address of lookup.addresses) this.#byAddress.delete(address)
    lookup.end()
  }
}

class PendingLookup implements Lookup {
  readonly addresses: Address[] = []
  readonly done: Promise<void>
  found: ReadonlyMap<Address, Profile> = new Map()
  end: () => void = () => undefined

  constructor() {
    this.done = new Promise(resolve => {
      this.end = resolve
    })
  }
}
