import { SocialError } from '../domain/errors.ts'
import { unavailable } from '../storage/db/connections.ts'

interface GatheredOptions<Question> {
  /** Questions that one run answers. */
  readonly atMost: number
  /** Questions of the same key are never answered by the same run. */
  readonly keyOf?: (question: Question) => unknown
}

interface Asker<Question, Answer> {
  readonly question: Question
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** More than all sockets of an instance ask for at a time. */
const MAX_WAITING = 100_000

/**
 * Has one statement answer many who ask at the same time: while it runs, those who ask gather for its next run. So a
 * crowd that comes all at once takes one connection and a fraction of the work, and everybody else finds the others free.
 */
export class Batcher<Question, Answer> {
  readonly #run: (questions: readonly Question[]) => Promise<(question: Question) => Answer>
  readonly #options: GatheredOptions<Question>
  readonly #waiting: Asker<Question, Answer>[] = []
  #isRunning = false

  /** @param run finds the answers to all of these questions */
  constructor(
    run: (questions: readonly Question[]) => Promise<(question: Question) => Answer>,
    options: GatheredOptions<Question>
  ) {
    this.#run = run
    this.#options = options
  }

  /** @throws what the run throws; SocialError `unavailable` */
  async load(question: Question): Promise<Answer> {
    if (this.#waiting.length >= MAX_WAITING) throw unavailable()
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject })
    })
    if (!this.#isRunning) void this.#answerAll()
    return answer
  }

  async #answerAll(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) await this.#answerSome(this.#next())
    this.#isRunning = false
  }

  async #answerSome(askers: readonly Asker<Question, Answer>[]): Promise<void> {
    try {
      const answerTo = await this.#run(askers.map(({ question }) => question))
      for (const { question, resolve } of askers) resolve(answerTo(question))
    } catch (error) {
      // Without a database nobody waits for longer than one run takes to find that out.
      const isAway = error instanceof SocialError && error.code === 'unavailable'
      const others = isAway ? this.#waiting.splice(0) : []
      for (const { reject } of [...askers, ...others]) reject(error)
    }
  }

  /** The next in line, as far as one run can answer them. */
  #next(): Asker<Question, Answer>[] {
    const { atMost, keyOf } = this.#options
    const keys = new Set<unknown>()
    const end = this.#waiting.findIndex(({ question }, at) => {
      if (at === atMost) return true
      const key = keyOf ? keyOf(question) : at
      return keys.size === keys.add(key).size
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }
}
