import { LRUCache } from 'lru-cache'

interface BucketOptions {
  /** What can be spent at once after a pause. */
  readonly burst: number
  /** What comes back in a second. */
  readonly perSecond: number
}

interface RateBudgetOptions extends BucketOptions {
  /** Keys that are remembered; of more, those that spent longest ago begin anew. */
  readonly maxKeys: number
  /** Milliseconds by a clock that never goes back. */
  readonly now?: () => number
}

/** How much may be spent over time: a token bucket, which may be overdrawn. */
export class TokenBucket {
  readonly #burst: number
  readonly #perSecond: number
  #level: number
  #at: number

  /** @param now milliseconds by a clock that never goes back, of which all calls tell the time */
  constructor({ burst, perSecond }: BucketOptions, now: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#level = burst
    this.#at = now
  }

  /** Spends, also what is not there. @returns milliseconds until the budget is level again; 0 within it */
  spend(amount: number, now: number): number {
    const level = this.#level + ((now - this.#at) / 1000) * this.#perSecond
    this.#level = Math.min(this.#burst, level) - amount
    this.#at = now
    return this.#level >= 0 ? 0 : (-this.#level / this.#perSecond) * 1000
  }
}

/** A {@link TokenBucket} for each key. */
export class RateBudget {
  readonly #options: RateBudgetOptions
  readonly #buckets: LRUCache<string, TokenBucket>
  readonly #now: () => number

  constructor(options: RateBudgetOptions) {
    this.#options = options
    this.#buckets = new LRUCache({ max: options.maxKeys })
    this.#now = options.now ?? (() => performance.now())
  }

  /** Spends, also what is not there. @returns milliseconds until the budget is level again; 0 within it */
  spend(key: string, amount = 1): number {
    const now = this.#now()
    let bucket = this.#buckets.get(key)
    if (!bucket) {
      bucket = new TokenBucket(this.#options, now)
      this.#buckets.set(key, bucket)
    }
    return bucket.spend(amount, now)
  }

  /** Whether anything can be spent now; spends nothing. */
  isLevel(key: string): boolean {
    const bucket = this.#buckets.get(key)
    return bucket === undefined || bucket.spend(0, this.#now()) === 0
  }
}
