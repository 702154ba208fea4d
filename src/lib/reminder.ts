/** What goes on is said again after so long, in milliseconds. */
const REMIND_MS = 60_000

/** Knows when something that goes on being wrong is to be said, and said once more; of each thing by itself. */
export class Reminder<Key> {
  readonly #everyMs: number
  /** By the monotonic clock. */
  readonly #saidAt = new Map<Key, number>()

  /** @param everyMs how often it is said at most, in milliseconds */
  constructor(everyMs = REMIND_MS) {
    this.#everyMs = everyMs
  }

  /** Whether it is to be said now, which is taken to be done then. */
  isDue(key: Key): boolean {
    const now = performance.now()
    if (now - (this.#saidAt.get(key) ?? Number.NEGATIVE_INFINITY) < this.#everyMs) return false
    this.#saidAt.set(key, now)
    return true
  }

  /** It is over: the next time it is said at once. @returns whether it was said */
  end(key: Key): boolean {
    return this.#saidAt.delete(key)
  }
}
