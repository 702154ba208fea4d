import { type Backoff, backoffMs } from '../lib/backoff.ts'
import type { Logger } from '../observability/logger.ts'

interface SinkWatchDeps {
  /** Between two tries while it is away. */
  readonly backoff: Backoff
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

/**
 * Knows whether a sink takes anything at all. One that is away is left alone for a while; then a single event shows
 * whether it is back.
 */
export class SinkWatch {
  readonly #deps: SinkWatchDeps
  /** In a row, of the sink as a whole. */
  #failures = 0
  #pausedAt = 0
  #pausedUntil = 0
  #deliveries = 0

  constructor(deps: SinkWatchDeps) {
    this.#deps = deps
  }

  get isPaused(): boolean {
    return this.#failures > 0
  }

  /** How many deliveries there were: what failed while others were delivered is itself at fault. */
  get deliveries(): number {
    return this.#deliveries
  }

  /** All lanes while it is well, none while it is left alone, and one to find out. */
  async capacity(lanes: number): Promise<number> {
    if (!this.isPaused) return lanes
    return this.#deps.now() >= this.#pausedUntil ? 1 : 0
  }

  delivered(): void {
    this.#deliveries += 1
    // A straggler says nothing of now, and does not end a wait that the sink asked for.
    if (!this.isPaused || this.#deps.now() < this.#pausedUntil) return
    this.#failures = 0
    this.#deps.logger.info('A sink of notifications is back')
  }

  /**
   * Nobody gets anything to it.
   * @param sentAt when the delivery began that failed, unix milliseconds
   * @param retryAfterMs for how long the sink asked to be left alone
   * @returns for how long it is left alone, in milliseconds
   */
  failed(error: Error, sentAt: number, retryAfterMs: number | null): number {
    const now = this.#deps.now()
    // Those that were under way when it was found to be away are no further failures.
    const isNew = this.#failures === 0 || sentAt >= this.#pausedAt
    if (isNew) this.#failures += 1
    const waitMs = Math.max(isNew ? backoffMs(this.#failures, this.#deps.backoff) : 0, retryAfterMs ?? 0)
    this.#pausedUntil = Math.max(this.#pausedUntil, now + waitMs)
    if (isNew) this.#pausedAt = now
    if (isNew && this.#failures === 1) {
      this.#deps.logger.warn({ err: error }, 'A sink is away: notifications wait to be delivered to it')
    }
    return this.#pausedUntil - now
  }
}
