import type { Address } from '../domain/address.ts'

interface DepartureGraceOptions {
  /** Takes back that these users are here. */
  readonly release: (users: readonly Address[]) => void
  /** Whether it is known who is where. While it is not, nobody is let go, for up to {@link MAX_WAIT_MS}. */
  readonly isConverged: () => boolean
}

/** Users let go at a time: what each of them sets off must not hold up what others wait for. */
const SLICE = 200
/** Before it is looked again whether users can be let go, in milliseconds. */
const LOOK_AGAIN_MS = 1000
/** Who is not seen anywhere for so long is gone, even though not everything could be seen; in milliseconds. */
const MAX_WAIT_MS = 60_000

/** Users who left an instance and still count as online for a while: they may be about to appear on another. */
export class DepartureGrace {
  readonly #options: DepartureGraceOptions
  readonly #waiting = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(options: DepartureGraceOptions) {
    this.#options = options
  }

  /** Lets users go after `ms` milliseconds, or as soon after that as it is known where everybody is. */
  add(users: readonly Address[], ms: number): void {
    if (users.length > 0) this.#wait(users, ms, performance.now() + ms + MAX_WAIT_MS)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#waiting) clearTimeout(timer)
    this.#waiting.clear()
  }

  #wait(users: readonly Address[], ms: number, atLast: number): void {
    if (this.#closed) return
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      if (this.#options.isConverged() || performance.now() >= atLast) this.#release(users, 0)
      else this.#wait(users, LOOK_AGAIN_MS, atLast)
    }, ms)
    this.#waiting.add(timer)
  }

  #release(users: readonly Address[], from: number): void {
    if (this.#closed) return
    const next = from + SLICE
    this.#options.release(users.slice(from, next))
    if (next < users.length) setImmediate(() => this.#release(users, next))
  }
}
