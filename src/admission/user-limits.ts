import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { ConcurrencyLimit, type Permit } from '../lib/concurrency-limit.ts'

/** The limits of a user, as the metrics name them. */
export const USER_LIMITS = ['user-connections', 'user-calls', 'user-requests'] as const
export type UserLimit = (typeof USER_LIMITS)[number]

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
  readonly #onReached: (limit: UserLimit) => void
  readonly #connections: ConcurrencyLimit
  readonly #requests: ConcurrencyLimit
  readonly #calls = new LRUCache<Address, { second: number; count: number }>({ max: COUNTED_USERS })

  /** @param onReached called for each refusal */
  constructor(options: UserLimitsOptions, onReached: (limit: UserLimit) => void = () => undefined) {
    const perUser = (perKey: number) => new ConcurrencyLimit({ total: Number.MAX_SAFE_INTEGER, perKey })
    this.#options = options
    this.#onReached = onReached
    this.#connections = perUser(options.connections)
    this.#requests = perUser(options.requests)
  }

  /** @param silent how many sockets of the user take no place, as their clients may be gone */
  hasRoom(address: Address, silent: number): boolean {
    return this.#connections.hasRoom(address, 1, this.#spare(silent))
  }

  /**
   * Counts a socket, until it is taken back.
   * @param silent as of {@link hasRoom}
   * @throws SocialError `too_many_requests`; then it is not counted
   */
  connect(address: Address, silent: number): Permit {
    const place = this.#connections.acquire(address, 1, this.#spare(silent))
    if ('release' in place) return place
    throw this.#refusal('user-connections', 'Too many connections of this user')
  }

  /** Counts an HTTP request, until its answer is taken. @throws SocialError `too_many_requests`; then it is not counted */
  request(address: Address): () => void {
    const place = this.#requests.acquire(address)
    if ('release' in place) return () => place.release()
    throw this.#refusal('user-requests', 'Too many requests at a time, try again later', 1000)
  }

  /** Counts a call. @throws SocialError `too_many_requests` */
  call(address: Address): void {
    const second = Math.floor(performance.now() / 1000)
    const calls = this.#calls.get(address)
    if (calls?.second !== second) this.#calls.set(address, { second, count: 1 })
    else if (calls.count < this.#options.callsPerSecond) calls.count += 1
    else throw this.#refusal('user-calls', 'Too many calls, try again in a second', 1000)
  }

  /** Places beside those of the limit, for sockets whose clients may be gone. */
  #spare(silent: number): number {
    return Math.min(silent, (MOST_OPEN - 1) * this.#options.connections)
  }

  #refusal(limit: UserLimit, message: string, retryAfterMs?: number): SocialError {
    this.#onReached(limit)
    return new SocialError('too_many_requests', message, retryAfterMs)
  }
}
