import { type Backoff, backoffMs } from '../../lib/backoff.ts'
import { shared } from '../../lib/single-flight.ts'
import type { Logger } from '../../observability/logger.ts'

interface HomeserverWatchDeps {
  /** Calls the homeserver for something that it can always answer. Rejects when it does not. */
  readonly ping: () => Promise<unknown>
  /** Between two probes while it is away. */
  readonly backoff: Backoff
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Knows whether it is of any use to call the homeserver, so that one that is away is left alone. */
export class HomeserverWatch {
  readonly #deps: HomeserverWatchDeps
  #failures = 0
  /** 0 when nothing speaks against calls. */
  #pausedUntil = 0

  /** Whether the homeserver itself is well, after a call failed that may have failed for a reason of its own. */
  readonly probe = shared(() => this.#probe())

  constructor(deps: HomeserverWatchDeps) {
    this.#deps = deps
  }

  get isPaused(): boolean {
    return this.#pausedUntil > 0
  }

  /** All lanes while calls make sense, or else none. After a pause the homeserver is probed first. */
  async capacity(lanes: number): Promise<number> {
    const isReady = !this.isPaused || (this.#deps.now() >= this.#pausedUntil && (await this.probe()))
    return isReady ? lanes : 0
  }

  /** Leaves the homeserver alone for so many milliseconds, because it wants that. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#deps.now() + ms)
  }

  async #probe(): Promise<boolean> {
    const { ping, logger } = this.#deps
    try {
      await ping()
    } catch (error) {
      this.#failures += 1
      this.pause(backoffMs(this.#failures, this.#deps.backoff))
      if (this.#failures === 1)
        logger.warn({ err: error }, 'The homeserver is away: friendships wait to be brought to it')
      return false
    }
    if (this.#failures > 0) logger.info('The homeserver is back')
    this.#failures = 0
    if (this.#deps.now() >= this.#pausedUntil) this.#pausedUntil = 0
    return true
  }
}
