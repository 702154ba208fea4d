import type { PairEvent } from '../domain/events.ts'
import type { BoundedQueue } from '../lib/bounded-queue.ts'
import type { Position } from '../storage/saved-positions.ts'

/**
 * The updates of one stream on their way: first those that the device missed, then the live ones, each once; and which
 * of them the client has acknowledged.
 */
export class ResumableStream {
  readonly #live: BoundedQueue<PairEvent>
  readonly #concerns: (event: PairEvent) => boolean
  readonly #acknowledged: () => number
  readonly #onActive: () => void
  #missed: PairEvent[] = []
  /** Numbers that were read from the log, so that the live updates need not tell them again. */
  #read = new Set<number>()
  /** Handed over and not acknowledged, oldest first. */
  readonly #underway: number[] = []
  /** Elements that were acknowledged and taken out of `#underway`. */
  #counted = 0
  /** Taken, although something below is not. */
  #taken = new Set<number>()
  /** Everything up to this number was taken when the stream began, whatever this instance has seen of the log. */
  #base = 0
  #isChanged = false

  /**
   * @param concerns whether the stream tells of an event at all
   * @param acknowledged how many of the elements that were handed over the client has acknowledged
   * @param onActive told whenever the stream may be idle no more
   */
  constructor(
    live: BoundedQueue<PairEvent>,
    concerns: (event: PairEvent) => boolean,
    acknowledged: () => number,
    onActive: () => void = () => undefined
  ) {
    this.#live = live
    this.#concerns = concerns
    this.#acknowledged = acknowledged
    this.#onActive = onActive
  }

  /**
   * Takes up where the device left off.
   * @param events everything after the position that its user is to be told of, in order; of each pair the last is told
   */
  resume(position: Position, events: readonly PairEvent[]): void {
    this.#base = position.floor
    this.#taken = new Set(position.acked)
    this.#read = new Set(events.map(({ seq }) => seq))
    // The last of all, and not of those that were not taken: nothing is told after what followed it.
    const lastOfPair = new Map(events.filter(this.#concerns).map(event => [event.actor, event]))
    const untold = [...lastOfPair.values()].filter(({ seq }) => !this.#taken.has(seq))
    this.#missed = untold.sort((a, b) => a.seq - b.seq)
    for (const seq of this.#read) this.#taken.add(seq)
    for (const { seq } of this.#missed) this.#taken.delete(seq)
  }

  /** Hands over each update in the form that `encode` gives it, which sees those too that wait behind it. */
  async *run<Element>(
    encode: (event: PairEvent, waiting: readonly PairEvent[]) => Promise<Element>
  ): AsyncGenerator<Element> {
    for await (const event of this.#events()) {
      this.#underway.push(event.seq)
      this.#onActive()
      yield await encode(event, [...this.#missed, ...this.#live.waiting])
    }
  }

  /** Whether something was taken since the position was last asked for. */
  get isChanged(): boolean {
    return this.#isChanged || this.#acknowledged() > this.#counted
  }

  /** Whether nothing can be taken before the stream is active again. */
  get isIdle(): boolean {
    return !this.#isChanged && this.#underway.length === 0
  }

  /** Says that the position is to be kept, though nothing was taken since it was last asked for. */
  change(): void {
    this.#isChanged = true
    this.#onActive()
  }

  /** @param settled all events up to this number have been told, if they are to be told at all */
  position(settled: number): Position {
    const acknowledged = this.#acknowledged() - this.#counted
    for (const seq of this.#underway.splice(0, acknowledged)) this.#taken.add(seq)
    this.#counted += acknowledged
    this.#isChanged = false

    const open = [...this.#underway, ...this.#missed.map(({ seq }) => seq), ...this.#live.waiting.map(({ seq }) => seq)]
    const floor = open.reduce((lowest, seq) => Math.min(lowest, seq - 1), Math.max(settled, this.#base))
    for (const seq of this.#taken) if (seq <= floor) this.#taken.delete(seq)
    return { floor, acked: [...this.#taken] }
  }

  async *#events(): AsyncGenerator<PairEvent> {
    for (let next = this.#missed.shift(); next; next = this.#missed.shift()) yield next
    for await (const event of this.#live) {
      // An instance that is behind still tells of what the device took elsewhere.
      if (event.seq <= this.#base || this.#read.delete(event.seq)) continue
      if (this.#concerns(event)) yield event
      else this.#skip(event)
    }
  }

  #skip({ seq }: PairEvent): void {
    this.#taken.add(seq)
    this.change()
  }
}
