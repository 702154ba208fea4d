import { SocialError } from '../domain/errors.ts'

interface TurnstileOptions {
  /** Works that are under way at the same time. */
  readonly atOnce: number
  /** Works that may wait for their turn. */
  readonly waiting: number
}

/** Lets so much work go on at a time; what comes beyond that waits in line, so that a crowd holds up nothing else. */
export class Turnstile {
  readonly #options: TurnstileOptions
  readonly #line: (() => void)[] = []
  #inside = 0

  constructor(options: TurnstileOptions) {
    this.#options = options
  }

  /** Does work when its turn comes. @throws SocialError `unavailable` when the line is full; what the work throws */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    const { atOnce, waiting } = this.#options
    if (this.#inside < atOnce) this.#inside += 1
    else if (this.#line.length < waiting) await new Promise<void>(resolve => this.#line.push(resolve))
    else throw new SocialError('unavailable', 'Too many wait already, try again')
    try {
      return await work()
    } finally {
      // Whoever is next takes the place that is left.
      const next = this.#line.shift()
      if (next) next()
      else this.#inside -= 1
    }
  }
}
