import type { Bus, BusListener } from '../cluster/bus.ts'
import type { Channel } from '../cluster/channel.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'
import { LogCursor, type LogView } from './log-cursor.ts'

/** The event log, as far as this room needs it. */
interface ReadableLog {
  after(seq: number, missing: readonly number[], limit: number): Promise<LogView<PairEvent>>
  latest(): Promise<number>
}

interface EventFeedOptions {
  readonly log: ReadableLog
  /** Wakes the other instances, and carries what is in no log. */
  readonly channel: Channel
  /** How often the log is read when nobody wakes this instance, in milliseconds. */
  readonly pollMs: number
  /** Told of what a listener threw, and of every read of the log that failed. */
  readonly onError: (error: unknown, where: 'listener' | 'log') => void
}

/** Events of one read. */
const READ_LIMIT = 1000
/** Reads are this far apart, in milliseconds: what is committed in between costs one read. */
const READ_GAP_MS = 2
/** Before a read that failed is tried again, in milliseconds. */
const RETRY_MS = 200
/** Numbers that may be missing from the log at a time. */
const MAX_MISSING = 10_000
/** Numbers before the start of this instance that are watched: their transactions may have ended after it. */
const LOOK_BACK = 1000

/**
 * The bus of several instances over one database. Events of pairs come from the log alone: each once, those of a pair in
 * their order, also after any other part was away. What the channel says of them is only that it is time to look.
 */
export class EventFeed implements Bus {
  readonly #options: EventFeedOptions
  readonly #listeners = new Set<BusListener>()
  readonly #leaveChannel: () => void
  #cursor = new LogCursor(0, MAX_MISSING)
  /** Somebody woke this instance, and the log was not read since. */
  #isDue = false
  #reading: Promise<void> | null = null
  #readAt = 0
  #isAway = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  private constructor(options: EventFeedOptions) {
    this.#options = options
    this.#leaveChannel = options.channel.subscribe(message => {
      if (message.kind === 'wake' || message.kind === 'messages-lost') this.#wake()
      if (message.kind === 'sessions-ended' || message.kind === 'messages-lost') this.#tell(message)
    })
  }

  /** Starts to tell of everything that is committed from now on. */
  static async open(options: EventFeedOptions): Promise<EventFeed> {
    const bus = new EventFeed(options)
    const start = Math.max(0, (await options.log.latest()) - LOOK_BACK)
    bus.#cursor = new LogCursor(start, MAX_MISSING)
    await bus.#read(() => undefined)
    bus.#schedule(options.pollMs)
    return bus
  }

  /** All events up to this number were told, or will never be. */
  get lowWatermark(): number {
    return this.#cursor.lowWatermark
  }

  publish(event: PairEvent | SessionsEnded): void {
    if (event.kind === 'pair') {
      this.#wake()
      this.#options.channel.send({ kind: 'wake' })
    } else {
      this.#tell(event)
      this.#options.channel.send(event)
    }
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#leaveChannel()
    this.#listeners.clear()
    await this.#reading
  }

  #wake(): void {
    if (this.#isDue) return
    this.#isDue = true
    if (!this.#reading) this.#schedule(this.#gapLeft())
  }

  #gapLeft(): number {
    return Math.max(0, this.#readAt + READ_GAP_MS - performance.now())
  }

  #schedule(ms: number): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#reading = this.#readInTurn().finally(() => {
        this.#reading = null
      })
    }, ms)
  }

  async #readInTurn(): Promise<void> {
    this.#isDue = false
    this.#readAt = performance.now()
    let next = this.#options.pollMs
    try {
      await this.#read(event => this.#tell(event))
      this.#isAway = false
    } catch (error) {
      // Said once: it is tried again several times a second.
      if (!this.#isAway) this.#options.onError(error, 'log')
      this.#isAway = true
      next = RETRY_MS
    }
    this.#schedule(this.#isDue ? this.#gapLeft() : next)
  }

  async #read(tell: (event: PairEvent) => void): Promise<void> {
    for (let isMore = true; isMore && !this.#closed; ) {
      const view = await this.#options.log.after(this.#cursor.head, this.#cursor.missing, READ_LIMIT)
      for (const event of this.#cursor.advance(view)) tell(event)
      isMore = view.events.length >= READ_LIMIT
    }
  }

  #tell(event: SocialEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#options.onError(error, 'listener')
      }
    }
  }
}
