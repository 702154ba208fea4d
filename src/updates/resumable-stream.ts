import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { BoundedQueue } from '../lib/bounded-queue.ts'
import { SparseSet } from '../lib/sparse-set.ts'
import type { Position } from '../storage/saved-positions.ts'
import type { Subscriber, Subscription } from '../subscriptions/subscription.ts'

/** Events of the log, and whether there were no more. */
export interface LogPage {
  readonly events: readonly PairEvent[]
  readonly isLast: boolean
}

/** A device that subscribes to what others do to its user, while it does. */
export interface Device extends Subscriber {
  /** Whether the device is to see an event at all. */
  readonly isRelevant: (event: PairEvent) => boolean
}

/** What holds the streams of all devices. */
interface StreamOwner {
  /** All events up to this number have been put into the live ones of each stream, or will never be. */
  lowWatermark(): number
  /** Reads from the log what others did to the user of a device after a number. */
  readLog(device: Device, after: number): Promise<LogPage>
  /** The stream may be idle no more. */
  activated(stream: ResumableStream): void
  /** Nothing more is handed over; perhaps said again. */
  ended(stream: ResumableStream): Promise<void>
}

/**
 * The events for one device: first those that it missed, then the live ones, each once. It knows which of them the
 * client has acknowledged, so that the device can resume after them, or another stream take its place. When more wait
 * than may, they are forgotten, and read from the log when the client comes back for more.
 */
export class ResumableStream implements Subscription<PairEvent> {
  readonly #device: Device
  readonly #live: BoundedQueue<PairEvent>
  readonly #owner: StreamOwner
  #missed: PairEvent[] = []
  /** Numbers that were read from the log, and are to be dropped when they come live. */
  #readFromLog = new SparseSet<number>()
  /** Handed over and not acknowledged, oldest first. */
  readonly #inFlight: PairEvent[] = []
  /** Events that were acknowledged and are in `#inFlight` no more. */
  #ackedCount = 0
  /** Acknowledged, although an event with a lower number is not. */
  #acked = new SparseSet<number>()
  /** Everything up to this number was acknowledged, whatever this instance has read of the log. */
  #floor = 0
  /** What comes after this number is read from the log at present; null when nothing is. */
  #readingFrom: number | null = null
  /** What comes after this number was forgotten in part, because too much waited; null when nothing was. */
  #forgottenFrom: number | null = null
  #isDirty = false

  /** @param live the events from now on */
  constructor(device: Device, live: BoundedQueue<PairEvent>, owner: StreamOwner) {
    this.#device = device
    this.#live = live
    this.#owner = owner
  }

  /**
   * Goes on where the device left off.
   * @param events everything for its user after the position, in order; of each pair only the last is handed over
   * @param delivered what came live before there was this stream, and does not come again
   */
  resume(position: Position, events: readonly PairEvent[], delivered = 0): void {
    this.#floor = position.floor
    this.#acked = new SparseSet(position.acked)
    this.#takeFromLog(events, delivered)
  }

  /** Goes on in the place of an older stream of the same device, which hands over nothing any more. */
  takeOver(older: ResumableStream): void {
    older.#settle()
    this.#floor = older.#floor
    this.#acked = new SparseSet(older.#acked)
    this.#readFromLog = new SparseSet(older.#readFromLog)
    this.#missed = [...older.#inFlight, ...older.#missed]
    this.#forgottenFrom = lower(older.#readingFrom, older.#forgottenFrom)
    for (const event of older.#live.takeAll()) this.#live.push(event)
    older.#missed = []
    older.#forgottenFrom = null
    older.#live.end()
  }

  /** Takes what waited when it was too much. @returns what is to wait further: nothing */
  forget(events: readonly PairEvent[]): readonly PairEvent[] {
    for (const { seq } of events) this.#forgottenFrom = lower(this.#forgottenFrom, seq - 1)
    return []
  }

  get waiting(): readonly PairEvent[] {
    const { waiting } = this.#live
    return this.#missed.length === 0 ? waiting : [...this.#missed, ...waiting]
  }

  whenReady(ready: () => void): void {
    if (this.#missed.length > 0 || this.#forgottenFrom !== null) ready()
    else this.#live.whenReady(ready)
  }

  async next(): Promise<IteratorResult<PairEvent>> {
    const event = await this.#take()
    return event === undefined ? this.return() : { done: false, value: event }
  }

  /** Ends the stream; the position is taken before the events that wait are dropped. */
  async return(): Promise<IteratorResult<PairEvent>> {
    const ended = this.#owner.ended(this)
    await this.#live.return()
    await ended
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Whether the position is another one than it was last time. */
  get isDirty(): boolean {
    return this.#isDirty || this.#device.acknowledged() > this.#ackedCount
  }

  /** Whether the position stays as it is until the stream is active again. */
  get isIdle(): boolean {
    return !this.#isDirty && this.#inFlight.length === 0
  }

  /** Has the position saved, though nothing was acknowledged since the last time. */
  markDirty(): void {
    this.#isDirty = true
    this.#owner.activated(this)
  }

  position(): Position {
    this.#settle()
    this.#isDirty = false
    let floor = Math.max(this.#owner.lowWatermark(), this.#floor)
    for (const events of [this.#inFlight, this.waiting]) {
      for (const { seq } of events) floor = Math.min(floor, seq - 1)
    }
    floor = Math.min(floor, lower(this.#readingFrom, this.#forgottenFrom) ?? floor)
    this.#floor = Math.max(this.#floor, floor)
    for (const numbers of [this.#acked, this.#readFromLog]) numbers.deleteWhere(seq => seq <= this.#floor)
    return { floor: this.#floor, acked: [...this.#acked] }
  }

  /** Takes into account what was acknowledged. */
  #settle(): void {
    const newlyAcked = this.#device.acknowledged() - this.#ackedCount
    for (const { seq } of this.#inFlight.splice(0, newlyAcked)) this.#acked.add(seq)
    this.#ackedCount += newlyAcked
  }

  /** The next event that the device is to see, in flight. @throws what ended the live events, after the stream is ended */
  async #take(): Promise<PairEvent | undefined> {
    try {
      for (;;) {
        const missed = this.#missed.shift()
        if (missed) return this.#handOver(missed)
        if (this.#forgottenFrom !== null) {
          await this.#catchUp()
          continue
        }
        const event = this.#live.take()
        if (event) {
          if (this.#isNew(event)) return this.#handOver(event)
        } else if (!(await this.#live.isReady())) {
          return undefined
        }
      }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  /** At once with taking it, so that a stream that takes over finds it here or there. */
  #handOver(event: PairEvent): PairEvent {
    this.#inFlight.push(event)
    this.#owner.activated(this)
    return event
  }

  /** Whether a live event is for the device, and was not handed over before. */
  #isNew(event: PairEvent): boolean {
    // What the device acknowledged elsewhere may still be brought here.
    if (event.seq <= this.#floor || this.#readFromLog.delete(event.seq)) return false
    if (this.#device.isRelevant(event)) return true
    this.#acked.add(event.seq)
    this.markDirty()
    return false
  }

  /** Reads what was forgotten, or the first part of it. What comes meanwhile waits in `live`. */
  async #catchUp(): Promise<void> {
    // With what waits by now, which may have lower numbers: events are brought as they are committed.
    this.forget(this.#live.takeAll())
    const from = Math.max(this.#forgottenFrom ?? 0, this.#floor)
    const delivered = this.#owner.lowWatermark()
    this.#readingFrom = from
    this.#forgottenFrom = null
    const { events, isLast } = await this.#owner.readLog(this.#device, from)
    this.#readingFrom = null
    this.#settle()
    this.#takeFromLog(events, delivered)
    this.markDirty()
    if (isLast) return
    // The rest is read when this is handed over; and with it what came live before.
    this.#forgottenFrom = lower(this.#forgottenFrom, events.at(-1)?.seq ?? from)
    this.forget(this.#live.takeAll().filter(({ seq }) => !this.#readFromLog.has(seq)))
  }

  /** Of each pair the last event, if it was not handed over: and so no event is handed over after what followed it. */
  #takeFromLog(events: readonly PairEvent[], delivered: number): void {
    const lastOfPair = new Map<Address, PairEvent>()
    for (const event of events) if (this.#device.isRelevant(event)) lastOfPair.set(event.actor, event)
    const known = new Set([...this.#acked, ...this.#inFlight.map(({ seq }) => seq)])
    this.#missed = [...lastOfPair.values()].filter(({ seq }) => !known.has(seq)).sort((a, b) => a.seq - b.seq)
    for (const { seq } of events) {
      this.#acked.add(seq)
      if (seq > delivered) this.#readFromLog.add(seq)
    }
    for (const { seq } of [...this.#missed, ...this.#inFlight]) this.#acked.delete(seq)
  }
}

function lower(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}
