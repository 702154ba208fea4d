import type { Address } from '../domain/address.ts'

interface DepartureGraceOptions {
  /** Lets go of users, as often as they were added. */
  readonly release: (users: readonly Address[]) => void
  /** Whether it is known who is where. While it is not, nobody is released, for up to {@link MAX_WAIT_MS}. */
  readonly isConverged: () => boolean
}

/** Users released at a time: what each of them sets off must not hold up what others wait for. */
const CHUNK = 200
/** Before it is checked again whether users can be released, in milliseconds. */
const RETRY_MS = 1000
/** Who is not seen anywhere for so long is gone, even though not everything could be seen; in milliseconds. */
const MAX_WAIT_MS = 60_000

/** Users who left an instance and still count as online for a while: they may be about to appear on another. */
export class DepartureGrace {
  readonly #options: DepartureGraceOptions
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  constructor(options: DepartureGraceOptions) {
    this.#options = options
  }

  /** Releases users after `ms` milliseconds, or as soon after that as it is known where everybody is. */
  add(users: readonly Address[], ms: number): void {
    if (users.length > 0) this.#schedule(users, ms, performance.now() + ms + MAX_WAIT_MS)
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #schedule(users: readonly Address[], ms: number, latest: number): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#options.isConverged() || performance.now() >= latest) this.#release(users, 0)
      else this.#schedule(users, RETRY_MS, latest)
    }, ms)
    this.#timers.add(timer)
  }

  #release(users: readonly Address[], from: number): void {
    if (this.#isClosed) return
    const next = from + CHUNK
    this.#options.release(users.slice(from, next))
    if (next < users.length) setImmediate(() => this.#release(users, next))
  }
}
