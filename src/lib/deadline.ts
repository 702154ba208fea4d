/** A moment by which something has to be over, by the monotonic clock: what several waits in a row share. */
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

  /** Waits for work until then, and no longer. @returns whether the work is done; its failure counts as done */
  settled(work: Promise<unknown>): Promise<boolean> {
    return settledWithin(this.leftMs, work)
  }
}

/** As {@link Deadline.settled}, for so many milliseconds from now. */
export function settledWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), ms)
    const done = (): void => {
      clearTimeout(timer)
      resolve(true)
    }
    work.then(done, done)
  })
}
