import type { PairEvent } from '../domain/events.ts'
import type { LogCursor, LogView } from './log-cursor.ts'

/** Numbers that are remembered because they were told before the log was swept so far. */
const MAX_TOLD = 10_000
/** Events that wait for the one before them. */
const MAX_WAITING = 1000

/**
 * Makes one order of what is told as it is committed, of what messages bring, and of what is found in the log: each event
 * once, and none of a pair before the one that it follows, whatever is lost, late, or comes twice. An event whose
 * predecessor is not known waits for it: for a message, or for the sweep, which finds everything.
 */
export class EventOrder {
  readonly #cursor: LogCursor
  /** Numbers that were told and that the cursor has not passed. */
  readonly #told = new Set<number>()
  /** Events that wait, by the number of the one before them. */
  readonly #waiting = new Map<number, PairEvent>()

  constructor(cursor: LogCursor) {
    this.#cursor = cursor
  }

  /** Whether only the log knows what is to be told next, or so much was told that it is time to pass it. */
  get needsSweep(): boolean {
    return this.#waiting.size > 0 || this.#told.size >= MAX_TOLD / 2
  }

  /** Whether an event was told, or nobody wanted it when it was to be told. */
  isTold(seq: number): boolean {
    return seq === 0 || this.#told.has(seq) || this.#cursor.isPassed(seq)
  }

  /**
   * An event that was just committed, here or elsewhere.
   * @param after the number of the one before it of the same pair
   * @param mayWait whether anybody wants it; what nobody wants is told when it can be, or left to the sweep
   * @returns what is to be told now, in order
   */
  add(event: PairEvent, after: number, mayWait: boolean): PairEvent[] {
    if (this.isTold(event.seq) || this.#told.size >= MAX_TOLD) return []
    if (this.isTold(after)) return this.#tell(event)
    if (mayWait && this.#waiting.size < MAX_WAITING) this.#waiting.set(after, event)
    return []
  }

  /**
   * A part of the log.
   * @param found those of its events that somebody here wants, ordered by number
   * @returns what is to be told now, in order: everything up to the low watermark of the cursor is told with it
   */
  sweep(view: LogView<{ readonly seq: number }>, found: readonly PairEvent[]): PairEvent[] {
    const pending = found.filter(({ seq }) => !this.isTold(seq))
    this.#cursor.advance(view)
    for (const seq of this.#told) if (this.#cursor.isPassed(seq)) this.#told.delete(seq)
    const waiting = [...this.#waiting].filter(([after, { seq }]) => this.isTold(after) || this.isTold(seq))
    for (const [after] of waiting) this.#waiting.delete(after)
    // They were seen by a message alone, and so after what was found.
    const ready = waiting.flatMap(([, event]) => (this.isTold(event.seq) ? [] : this.#tell(event)))
    return [...pending, ...ready]
  }

  /** An event, and those that have waited for it. */
  #tell(event: PairEvent): PairEvent[] {
    const events: PairEvent[] = []
    for (let next: PairEvent | undefined = event; next; next = this.#takeWaiting(next.seq)) {
      if (this.isTold(next.seq)) break
      this.#told.add(next.seq)
      events.push(next)
    }
    return events
  }

  #takeWaiting(after: number): PairEvent | undefined {
    const event = this.#waiting.get(after)
    this.#waiting.delete(after)
    return event
  }
}
