import type { PairEvent } from '../domain/events.ts'
import type { BoundedQueue } from '../lib/bounded-queue.ts'
import type { Position } from '../storage/saved-positions.ts'
import type { Subscription } from '../subscriptions/subscription.ts'

interface ResumableStreamDeps {
  /** The events from now on. */
  readonly live: BoundedQueue<PairEvent>
  /** Whether the device is to see an event at all. */
  readonly isRelevant: (event: PairEvent) => boolean
  /** How many of the events that were handed over the client has acknowledged. */
  readonly acknowledged: () => number
  /** Called whenever the stream may be idle no more. */
  readonly onActive: (stream: ResumableStream) => void
  /** Called when nothing more is handed over; perhaps again. */
  readonly onEnd: (stream: ResumableStream) => Promise<void>
}

/**
 * The events for one device: first those that it missed, then the live ones, each once. It knows which of them the
 * client has acknowledged, so that the device can resume after them.
 */
export class ResumableStream implements Subscription<PairEvent> {
  readonly #deps: ResumableStreamDeps
  #missed: PairEvent[] = []
  /** Numbers that were read from the log, and are to be dropped when they come live. */
  #readFromLog = new Set<number>()
  /** Handed over and not acknowledged, oldest first. */
  readonly #inFlight: number[] = []
  /** Events that were acknowledged and are in `#inFlight` no more. */
  #ackedCount = 0
  /** Acknowledged, although an event with a lower number is not. */
  #acked = new Set<number>()
  /** Everything up to this number was acknowledged when the stream began, whatever this instance has read of the log. */
  #cursor = 0
  #isDirty = false

  constructor(deps: ResumableStreamDeps) {
    this.#deps = deps
  }

  /**
   * Goes on where the device left off.
   * @param events everything for its user after the position, in order; of each pair only the last is handed over
   */
  resume(position: Position, events: readonly PairEvent[]): void {
    this.#cursor = position.floor
    this.#acked = new Set(position.acked)
    this.#readFromLog = new Set(events.map(({ seq }) => seq))
    // The last of all, and not of those that were not acknowledged: no event is handed over after what followed it.
    const lastOfPair = new Map(events.filter(this.#deps.isRelevant).map(event => [event.actor, event]))
    const unacked = [...lastOfPair.values()].filter(({ seq }) => !this.#acked.has(seq))
    this.#missed = unacked.sort((a, b) => a.seq - b.seq)
    for (const seq of this.#readFromLog) this.#acked.add(seq)
    for (const { seq } of this.#missed) this.#acked.delete(seq)
  }

  get waiting(): readonly PairEvent[] {
    const { waiting } = this.#deps.live
    return this.#missed.length === 0 ? waiting : [...this.#missed, ...waiting]
  }

  async next(): Promise<IteratorResult<PairEvent>> {
    const event = await this.#take()
    if (event === undefined) return this.return()
    this.#inFlight.push(event.seq)
    this.#deps.onActive(this)
    return { done: false, value: event }
  }

  /** Ends the stream; the position is taken before the events that wait are dropped. */
  async return(): Promise<IteratorResult<PairEvent>> {
    const ended = this.#deps.onEnd(this)
    await this.#deps.live.return()
    await ended
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Whether the position is another one than it was last time. */
  get isDirty(): boolean {
    return this.#isDirty || this.#deps.acknowledged() > this.#ackedCount
  }

  /** Whether the position stays as it is until the stream is active again. */
  get isIdle(): boolean {
    return !this.#isDirty && this.#inFlight.length === 0
  }

  /** Has the position saved, though nothing was acknowledged since the last time. */
  markDirty(): void {
    this.#isDirty = true
    this.#deps.onActive(this)
  }

  /** @param lowWatermark all events up to this number have been queued here, if they are for this device */
  position(lowWatermark: number): Position {
    const newlyAcked = this.#deps.acknowledged() - this.#ackedCount
    for (const seq of this.#inFlight.splice(0, newlyAcked)) this.#acked.add(seq)
    this.#ackedCount += newlyAcked
    this.#isDirty = false

    const unacked = [...this.#inFlight, ...this.waiting.map(({ seq }) => seq)]
    const floor = unacked.reduce((lowest, seq) => Math.min(lowest, seq - 1), Math.max(lowWatermark, this.#cursor))
    for (const seq of this.#acked) if (seq <= floor) this.#acked.delete(seq)
    return { floor, acked: [...this.#acked] }
  }

  /** The next event that the device is to see. @throws what ended the live events, after the stream is ended */
  async #take(): Promise<PairEvent | undefined> {
    const missed = this.#missed.shift()
    if (missed) return missed
    try {
      for (;;) {
        const { done, value: event } = await this.#deps.live.next()
        if (done) return undefined
        // An instance that is behind still brings what the device acknowledged elsewhere.
        if (event.seq <= this.#cursor || this.#readFromLog.delete(event.seq)) continue
        if (this.#deps.isRelevant(event)) return event
        this.#acked.add(event.seq)
        this.markDirty()
      }
    } catch (error) {
      await this.return()
      throw error
    }
  }
}
