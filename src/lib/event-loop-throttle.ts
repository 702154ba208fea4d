import { FullError } from './full-error.ts'

interface EventLoopThrottleOptions {
  /** Pieces of work in one turn of the event loop. */
  readonly perTurn: number
  /** Pieces of work that may wait. */
  readonly maxWaiting: number
}

/**
 * Spreads CPU-bound work over the turns of the event loop, first come, first served: many callers at once do not block
 * the event loop for everything else.
 */
export class EventLoopThrottle {
  readonly #options: EventLoopThrottleOptions
  readonly #queue: (() => void)[] = []
  #left: number
  #isTurnAwaited = false

  constructor(options: EventLoopThrottleOptions) {
    this.#options = options
    this.#left = options.perTurn
  }

  /** Resolves when the caller may do one piece of work. @throws FullError when too many wait already */
  async next(): Promise<void> {
    if (this.#queue.length >= this.#options.maxWaiting) {
      throw new FullError('Too many wait already')
    }
    this.#awaitTurn()
    if (this.#left > 0) this.#left -= 1
    else await new Promise<void>(resolve => this.#queue.push(resolve))
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => {
      this.#isTurnAwaited = false
      const next = this.#queue.splice(0, this.#options.perTurn)
      this.#left = this.#options.perTurn - next.length
      if (next.length > 0) this.#awaitTurn()
      for (const begin of next) begin()
    })
  }
}
