import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { ConcurrencyLimit } from '../lib/concurrency-limit.ts'

interface UserLimitsOptions {
  /** Sockets of one user at a time. */
  readonly connections: number
  /** Calls and HTTP requests of one user within a second. */
  readonly callsPerSecond: number
  /** HTTP requests of one user at a time. */
  readonly requests: number
}

/** Users whose calls are counted at a time: who has not called for longest is forgotten first. */
const COUNTED_USERS = 50_000

/** How many times its limit sockets of a user may be, with those whose clients may be gone. */
const MOST_OPEN = 3

/** What one user may have and do on this instance, over all of their sockets and connections. */
export class UserLimits {
  readonly #options: UserLimitsOptions
  readonly #requests: ConcurrencyLimit
  readonly #connections = new Map<Address, number>()
  readonly #calls = new LRUCache<Address, { second: number; count: number }>({ max: COUNTED_USERS })

  constructor(options: UserLimitsOptions) {
    this.#options = options
    this.#requests = new ConcurrencyLimit({ total: Number.MAX_SAFE_INTEGER, perKey: options.requests })
  }

  /** @param silent how many sockets of the user take no place, as their clients may be gone */
  hasRoom(address: Address, silent: number): boolean {
    const { connections } = this.#options
    const open = this.#connections.get(address) ?? 0
    return open - silent < connections && open < MOST_OPEN * connections
  }

  /**
   * Counts a socket, until it is taken back.
   * @param silent as of {@link hasRoom}
   * @throws SocialError `too_many_requests`; then it is not counted
   */
  connect(address: Address, silent: number): () => void {
    if (!this.hasRoom(address, silent)) throw new SocialError('too_many_requests', 'Too many connections of this user')
    this.#connections.set(address, (this.#connections.get(address) ?? 0) + 1)
    return () => this.#disconnect(address)
  }

  /** Counts an HTTP request, until its answer is taken. @throws SocialError `too_many_requests`; then it is not counted */
  request(address: Address): () => void {
    const place = this.#requests.acquire(address)
    if ('release' in place) return place.release
    throw new SocialError('too_many_requests', 'Too many requests at a time, try again later', 1000)
  }

  /** Counts a call. @throws SocialError `too_many_requests` */
  call(address: Address): void {
    const second = Math.floor(performance.now() / 1000)
    const calls = this.#calls.get(address)
    if (calls?.second !== second) this.#calls.set(address, { second, count: 1 })
    else if (calls.count < this.#options.callsPerSecond) calls.count += 1
    else throw new SocialError('too_many_requests', 'Too many calls, try again in a second', 1000)
  }

  #disconnect(address: Address): void {
    const open = this.#connections.get(address) ?? 0
    if (open > 1) this.#connections.set(address, open - 1)
    else this.#connections.delete(address)
  }
}
