import { settledWithin } from '../../lib/deadline.ts'
import type { Logger } from '../../observability/logger.ts'

interface WriteWatchDeps {
  /** Resolves when something was written. */
  readonly probe: () => Promise<void>
  readonly logger: Logger
}

/** How often it is tried to write while that cannot be done, and how long one try may take, in milliseconds. */
const PROBE_MS = 500
const PROBE_DEADLINE_MS = 2_000

/** Knows whether the database refuses writes, and finds out by itself when it takes them again. */
export class WriteWatch {
  readonly #deps: WriteWatchDeps
  #isRefusing = false
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(deps: WriteWatchDeps) {
    this.#deps = deps
  }

  /** Whether the last that is known is that nothing can be written. */
  get isRefusing(): boolean {
    return this.#isRefusing
  }

  /** A write was refused for a reason that is not its own. */
  refused(error: unknown): void {
    if (this.#isRefusing || this.#isClosed) return
    this.#isRefusing = true
    this.#deps.logger.warn({ err: error }, 'The database takes no writes')
    this.#schedule()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#tryAgain(), PROBE_MS).unref()
  }

  async #tryAgain(): Promise<void> {
    const written = this.#deps.probe().then(
      () => true,
      () => false
    )
    if (!(await settledWithin(PROBE_DEADLINE_MS, written)) || !(await written)) return this.#schedule()
    this.#isRefusing = false
    this.#deps.logger.info('The database takes writes again')
  }
}
