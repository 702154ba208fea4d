import { FullError } from './full-error.ts'

interface EventLoopThrottleOptions {
  /** Pieces of work in one turn of the event loop. */
  readonly perTurn: number
  /** Pieces of work that may wait. */
  readonly maxWaiting: number
}

/**
 * Spreads work that computes for long over the turns of the event loop, in the order in which it came: a crowd that
 * wants it all at once holds up nobody else.
 */
export class EventLoopThrottle {
  readonly #options: EventLoopThrottleOptions
  readonly #line: (() => void)[] = []
  #left: number
  #isTurnAwaited = false

  constructor(options: EventLoopThrottleOptions) {
    this.#options = options
    this.#left = options.perTurn
  }

  /** Resolves when the work may be done. @throws FullError when too many wait already */
  async next(): Promise<void> {
    if (this.#line.length >= this.#options.maxWaiting) {
      throw new FullError('Too many wait already')
    }
    this.#awaitTurn()
    if (this.#left > 0) this.#left -= 1
    else await new Promise<void>(resolve => this.#line.push(resolve))
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => {
      this.#isTurnAwaited = false
      const served = this.#line.splice(0, this.#options.perTurn)
      this.#left = this.#options.perTurn - served.length
      if (served.length > 0) this.#awaitTurn()
      for (const begin of served) begin()
    })
  }
}
