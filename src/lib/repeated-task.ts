/** Work that is done when it is due, never twice at a time, and once more when it falls due meanwhile. */
export class RepeatedTask {
  readonly #work: () => Promise<number | null>
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  /** In how many milliseconds it is due after the run that is under way; null when it is not. */
  #nextMs: number | null = null
  #isClosed = false

  /** @param work never throws. @returns in how many milliseconds it is due again; null when it is not */
  constructor(work: () => Promise<number | null>) {
    this.#work = work
  }

  /** Does it after so many milliseconds; no later than it is due already. */
  schedule(ms: number): void {
    if (this.#isClosed) return
    if (this.#isRunning) this.#nextMs = Math.min(ms, this.#nextMs ?? ms)
    else this.#timer ??= setTimeout(() => void this.#run(), ms)
  }

  /** Does it no more. What is under way goes on. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    this.#timer = undefined
    this.#isRunning = true
    const againMs = await this.#work()
    this.#isRunning = false
    const nextMs = this.#nextMs
    this.#nextMs = null
    // A pause that the work itself asks for is kept: it failed.
    if (againMs !== null) this.schedule(againMs)
    else if (nextMs !== null) this.schedule(nextMs)
  }
}
