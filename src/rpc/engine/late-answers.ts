interface LateAnswersOptions {
  readonly delayMs: number
  /** Answers that may wait; more are given at once. */
  readonly limit: number
}

interface LateAnswer {
  /** By the monotonic clock, in milliseconds. */
  readonly dueAt: number
  readonly give: () => void
}

/**
 * Answers that one client gets only after a while: that a stream is refused, or has ended. There are clients that ask
 * again at once, and for ever, and at this pace cost nothing.
 */
export class LateAnswers {
  readonly #options: LateAnswersOptions
  /** By the client's number of the request, in the order in which they are due. */
  readonly #waiting = new Map<number, LateAnswer>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: LateAnswersOptions) {
    this.#options = options
  }

  has(number: number): boolean {
    return this.#waiting.has(number)
  }

  add(number: number, give: () => void): void {
    const { delayMs, limit } = this.#options
    if (delayMs === 0 || this.#waiting.size >= limit) {
      give()
      return
    }
    this.#waiting.set(number, { dueAt: performance.now() + delayMs, give })
    this.#timer ??= setTimeout(() => this.#giveDue(), delayMs)
  }

  /** The client waits for this answer no more. */
  forget(number: number): void {
    this.#waiting.delete(number)
  }

  /** The client is gone. */
  end(): void {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  #giveDue(): void {
    this.#timer = undefined
    for (const [number, { dueAt, give }] of this.#waiting) {
      const leftMs = dueAt - performance.now()
      // A timer may be early by less than a millisecond.
      if (leftMs >= 1) {
        this.#timer = setTimeout(() => this.#giveDue(), leftMs)
        return
      }
      this.#waiting.delete(number)
      give()
    }
  }
}
