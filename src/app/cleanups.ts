import { Deadline } from '../lib/deadline.ts'
import type { Logger } from '../observability/logger.ts'

/** Stops a part. The deadline is that of the whole stop: what waits for anything waits no longer. */
type Close<Part> = (part: Part, deadline: Deadline) => unknown

interface Step {
  readonly name: string
  readonly isEarly: boolean
  readonly close: (deadline: Deadline) => unknown
}

/** What is to be closed, last opened first; a failure of one never skips the next. */
export class Cleanups {
  readonly #logger: Logger
  readonly #steps: Step[] = []
  #deadline: Deadline | null = null
  #running: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** How much of the grace is left, in milliseconds; 0 before the stop begins. */
  get leftMs(): number {
    return this.#deadline?.leftMs ?? 0
  }

  /** @returns the part itself */
  add<Part>(name: string, part: Part, close: Close<Part>): Part {
    this.#steps.unshift({ name, isEarly: false, close: deadline => close(part, deadline) })
    return part
  }

  /** As {@link add}, for a part that begins to stop when the stop begins, beside the others, and is awaited in its turn. */
  addEarly<Part>(name: string, part: Part, close: Close<Part>): Part {
    this.#steps.unshift({ name, isEarly: true, close: deadline => close(part, deadline) })
    return part
  }

  /** Closes everything within one grace. May be called again: every call waits for the same run. */
  run(graceMs: number): Promise<void> {
    this.#running ??= this.#run(new Deadline(graceMs))
    return this.#running
  }

  async #run(deadline: Deadline): Promise<void> {
    this.#deadline = deadline
    const early = new Map(this.#steps.filter(({ isEarly }) => isEarly).map(step => [step, this.#close(step, deadline)]))
    for (const step of this.#steps) await (early.get(step) ?? this.#close(step, deadline))
  }

  async #close({ name, close }: Step, deadline: Deadline): Promise<void> {
    try {
      await close(deadline)
    } catch (error) {
      this.#logger.error({ err: error, part: name }, 'A part could not be closed')
    }
  }
}
