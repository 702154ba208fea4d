/** One read of the log: what it found, and which transactions were running meanwhile. */
export interface LogView<Event> {
  readonly events: readonly Event[]
  /** Every transaction with a lower id had ended. */
  readonly oldestRunning: number
  /** No transaction with this id or a higher one had begun; known only with events above the head. */
  readonly nextTransaction: number
}

/**
 * How far a log has been read whose numbers are taken before commit: a number may be missing because its transaction
 * still runs, and be there later although higher ones were seen before. So every number that is missing is remembered
 * until it is there, or until all transactions that could have taken it have ended.
 */
export class LogCursor {
  #head: number
  /** Missing numbers below the head, each with the id below which all transactions must have ended to give it up. */
  readonly #missing = new Map<number, number>()
  readonly #maxMissing: number

  /**
   * @param head the number after which to read
   * @param maxMissing numbers that may be missing at a time; the oldest are given up beyond it
   */
  constructor(head: number, maxMissing: number) {
    this.#head = head
    this.#maxMissing = maxMissing
  }

  /** The highest number that was seen. */
  get head(): number {
    return this.#head
  }

  /** Numbers below the head that may still come. */
  get missing(): number[] {
    return [...this.#missing.keys()]
  }

  /** All numbers up to this one were seen, or will never be there. */
  get lowWatermark(): number {
    const [lowest = this.#head + 1] = this.#missing.keys() // they were added in their order
    return lowest - 1
  }

  /** Whether a number was seen, or will never be there. */
  isPassed(seq: number): boolean {
    return seq <= this.#head && !this.#missing.has(seq)
  }

  /**
   * Takes a view of everything above the head and of the missing numbers, ordered by number; or of the first part of it.
   * @returns the events that were not seen before
   */
  advance<Event extends { readonly seq: number }>(view: LogView<Event>): Event[] {
    const fresh = view.events.filter(({ seq }) => this.#see(seq, view.nextTransaction))
    for (const [seq, bound] of this.#missing) {
      if (bound <= view.oldestRunning) this.#missing.delete(seq)
    }
    this.#giveUpBeyondBound()
    return fresh
  }

  #see(seq: number, nextTransaction: number): boolean {
    if (seq <= this.#head) return this.#missing.delete(seq)
    const first = Math.max(this.#head + 1, seq - this.#maxMissing)
    for (let skipped = first; skipped < seq; skipped += 1) this.#missing.set(skipped, nextTransaction)
    this.#head = seq
    return true
  }

  #giveUpBeyondBound(): void {
    for (const seq of this.#missing.keys()) {
      if (this.#missing.size <= this.#maxMissing) break
      this.#missing.delete(seq)
    }
  }
}
