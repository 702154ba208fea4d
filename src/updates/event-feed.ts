import type { Bus, BusListener } from '../cluster/bus.ts'
import type { Channel } from '../cluster/channel.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'
import { LogCursor, type LogView } from './log-cursor.ts'

/** The event log, as far as the feed needs it. */
interface ReadableLog {
  after(seq: number, missing: readonly number[], limit: number): Promise<LogView<PairEvent>>
  latest(): Promise<number>
  horizon(): Promise<number>
}

interface EventFeedOptions {
  readonly log: ReadableLog
  /** Wakes the other instances, and carries the events that are in no log. */
  readonly channel: Channel
  /** How often the log is read when nobody wakes this instance, in milliseconds. */
  readonly pollMs: number
  /** Called with what a listener threw, and with the first of several failed reads in a row. */
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
 * Delivers the events of all instances over one database, in the form of the bus. Events of pairs come from the log
 * alone: each once, those of a pair in their order, also after any other part was away. What the channel says of them is
 * only that it is time to read the log.
 */
export class EventFeed implements Bus {
  readonly #options: EventFeedOptions
  readonly #cursor: LogCursor
  readonly #listeners = new Set<BusListener>()
  readonly #unsubscribe: () => void
  /** This instance was woken, and the log was not read since. */
  #isWakePending = false
  /** The read that is under way; there is one from the start. */
  #reading: Promise<void> | null = Promise.resolve()
  #lastReadAt = 0
  #isLogDown = false
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  private constructor(options: EventFeedOptions, cursor: LogCursor) {
    this.#options = options
    this.#cursor = cursor
    this.#unsubscribe = options.channel.subscribe(message => {
      if (message.kind === 'wake' || message.kind === 'messages-lost') this.#wake()
      if (message.kind === 'sessions-ended' || message.kind === 'messages-lost') this.#notify(message)
    })
  }

  /**
   * Starts to deliver everything that is committed from now on. The cursor exists before the channel is subscribed to.
   * What was committed before is read and not delivered; what may have been committed meanwhile, by a second read.
   */
  static async open(options: EventFeedOptions): Promise<EventFeed> {
    const start = Math.max(await options.log.horizon(), (await options.log.latest()) - LOOK_BACK)
    const feed = new EventFeed(options, new LogCursor(start, MAX_MISSING))
    try {
      await feed.#read(() => undefined)
    } catch (error) {
      await feed.close()
      throw error
    }
    feed.#reading = null
    feed.#schedule(feed.#isWakePending ? 0 : options.pollMs)
    return feed
  }

  /** All events up to this number were delivered, or will never be. */
  get lowWatermark(): number {
    return this.#cursor.lowWatermark
  }

  publish(event: PairEvent | SessionsEnded): void {
    if (event.kind === 'pair') {
      this.#wake()
      this.#options.channel.send({ kind: 'wake' })
    } else {
      this.#notify(event)
      this.#options.channel.send(event)
    }
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#unsubscribe()
    this.#listeners.clear()
    await this.#reading
  }

  #wake(): void {
    if (this.#isWakePending) return
    this.#isWakePending = true
    if (!this.#reading) this.#schedule(this.#gapLeft())
  }

  #gapLeft(): number {
    return Math.max(0, this.#lastReadAt + READ_GAP_MS - performance.now())
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#reading = this.#readAndReschedule().finally(() => {
        this.#reading = null
      })
    }, ms)
  }

  async #readAndReschedule(): Promise<void> {
    this.#isWakePending = false
    this.#lastReadAt = performance.now()
    let next = this.#options.pollMs
    try {
      await this.#read(event => this.#notify(event))
      this.#isLogDown = false
    } catch (error) {
      // Reported once: it is tried again several times a second.
      if (!this.#isLogDown) this.#options.onError(error, 'log')
      this.#isLogDown = true
      next = RETRY_MS
    }
    this.#schedule(this.#isWakePending ? this.#gapLeft() : next)
  }

  async #read(deliver: (event: PairEvent) => void): Promise<void> {
    for (let isMore = true; isMore && !this.#isClosed; ) {
      const view = await this.#options.log.after(this.#cursor.head, this.#cursor.missing, READ_LIMIT)
      for (const event of this.#cursor.advance(view)) deliver(event)
      isMore = view.events.length >= READ_LIMIT
    }
  }

  #notify(event: SocialEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#options.onError(error, 'listener')
      }
    }
  }
}
