import { finished } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** The same for every request: the one that would be made otherwise takes longer to make than the rest of its end. */
const OVER = new Error('The request is over')

/**
 * How long one request of a client is worth the work: until it is answered, its client goes away, its time is over or
 * the server closes.
 */
export class RequestLifetime {
  readonly #reply: FastifyReply
  readonly #controller = new AbortController()
  readonly #whenOver: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(reply: FastifyReply) {
    this.#reply = reply
    // Also called for a client that went away before this point.
    finished(reply.raw, () => this.#end())
  }

  /** Aborts when nothing more should be done. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether nobody waits for an answer any more. */
  get isOver(): boolean {
    return this.#isOver || this.#reply.raw.destroyed
  }

  /** Has something called when it is over, or at once when it is over already. */
  whenOver(call: () => void): void {
    if (this.#isOver) call()
    else this.#whenOver.push(call)
  }

  /** Aborts it after so many milliseconds from now, whatever moves until then. Takes the place of an earlier limit. */
  limit(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.abort(), ms)
  }

  abort(): void {
    this.#controller.abort(OVER)
  }

  #end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.abort()
    for (const call of this.#whenOver.splice(0)) call()
  }
}
