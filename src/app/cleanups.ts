import type { Logger } from '../observability/logger.ts'

/** What is to be closed, last opened first; a failure of one never skips the next. */
export class Cleanups {
  readonly #logger: Logger
  readonly #steps: { readonly name: string; readonly close: () => unknown }[] = []
  #running: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @returns the part itself */
  add<Part>(name: string, part: Part, close: (part: Part) => unknown): Part {
    this.#steps.unshift({ name, close: () => close(part) })
    return part
  }

  /** May be called again: every call waits for the same run. */
  run(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    for (const { name, close } of this.#steps) {
      try {
        await close()
      } catch (error) {
        this.#logger.error({ err: error, part: name }, 'A part could not be closed')
      }
    }
  }
}
