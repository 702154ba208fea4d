/** So many failures in a row open the circuit. */
const MAX_FAILURES = 5

/** For so long no call is made after that, in milliseconds. */
const OPEN_MS = 30_000

/** `closed`: all is well. `open`: no calls. `half-open`: one call may show whether it is well again. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/** Stops the calls to another service while it keeps failing. */
export class CircuitBreaker {
  readonly #now: () => number
  #failures = 0
  #openUntil = 0

  /** @param now in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  get state(): CircuitState {
    if (this.#failures < MAX_FAILURES) return 'closed'
    return this.#now() < this.#openUntil ? 'open' : 'half-open'
  }

  /** @returns whether this closed the circuit */
  succeeded(): boolean {
    const wasClosed = this.state === 'closed'
    this.#failures = 0
    return !wasClosed
  }

  /** @returns whether this opened the circuit for the first time since it was closed */
  failed(): boolean {
    this.#failures += 1
    this.#openUntil = this.#now() + OPEN_MS
    return this.#failures === MAX_FAILURES
  }
}
