import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { SocialError } from '../domain/errors.ts'
import type { Counters } from './counters.ts'

/** So often within a minute, or within a day. */
type Rate = { readonly perMinute: number } | { readonly perDay: number }

type RateLimitOptions = Rate & {
  /** What is limited, as the keys in Redis and the metrics call it. */
  readonly name: string
  /** Whose instances count together: several services may share a Redis. */
  readonly scope: string
  /** Where the instances count together; null when each counts for itself. */
  readonly counters: Counters | null
  /** Called for every take that was counted here alone because Redis did not answer. */
  readonly onLocal: (name: string) => void
  /** Called for every take that was refused. */
  readonly onReached?: (name: string) => void
}

const MINUTE_S = 60
const DAY_S = 24 * 60 * MINUTE_S

/** How often somebody may do something. When Redis is away each instance counts for itself: a limit never stops work. */
export class RateLimit {
  #limiter: RateLimiterAbstract
  readonly #onReached: () => void

  constructor({ name, scope, counters, onLocal, onReached, ...rate }: RateLimitOptions) {
    const window =
      'perDay' in rate ? { points: rate.perDay, duration: DAY_S } : { points: rate.perMinute, duration: MINUTE_S }
    const options = { keyPrefix: `social-service:${scope}:limit:${name}`, ...window }
    this.#onReached = () => onReached?.(name)
    const local = new FallbackLimiter(options, () => onLocal(name))
    this.#limiter = counters ? local : new RateLimiterMemory(options)
    // Each counter is one key, which every command names: so it is on one master of a cluster.
    counters?.client.then(redis => {
      this.#limiter = new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: local })
    })
  }

  /** Counts once. @throws SocialError `too_many_requests`, with the time until it is possible again */
  async take(key: string): Promise<void> {
    try {
      await this.#limiter.consume(key)
    } catch (rejection) {
      if (!(rejection instanceof RateLimiterRes)) throw rejection
      this.#onReached()
      throw new SocialError('too_many_requests', 'Too many requests, try again later', rejection.msBeforeNext)
    }
  }
}

/** Stands in for Redis while it is away, and reports each use. */
class FallbackLimiter extends RateLimiterMemory {
  readonly #onUse: () => void

  constructor(options: ConstructorParameters<typeof RateLimiterMemory>[0], onUse: () => void) {
    super(options)
    this.#onUse = onUse
  }

  override consume(...args: Parameters<RateLimiterMemory['consume']>): ReturnType<RateLimiterMemory['consume']> {
    this.#onUse()
    return super.consume(...args)
  }
}
