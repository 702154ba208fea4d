/** A moment by which several steps in a row have to be over, by the monotonic clock. */
export class Deadline {
  readonly #at: number

  /** @param ms from now, in milliseconds */
  constructor(ms: number) {
    this.#at = performance.now() + ms
  }

  /** Milliseconds until then; 0 when it is past. */
  get leftMs(): number {
    return Math.max(0, this.#at - performance.now())
  }

  get isPast(): boolean {
    return this.leftMs === 0
  }

  /** Waits for work until then, and no longer. @returns whether it has settled: a failure counts, and is not thrown */
  settled(work: Promise<unknown>): Promise<boolean> {
    return settledWithin(this.leftMs, work)
  }
}

/** As {@link Deadline.settled}, within so many milliseconds from now. */
export function settledWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    // A timer may be up to a millisecond early.
    const timer = setTimeout(() => resolve(false), ms + 1)
    const done = (): void => {
      clearTimeout(timer)
      resolve(true)
    }
    work.then(done, done)
  })
}
