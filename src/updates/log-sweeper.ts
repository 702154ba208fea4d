import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import { chunksOf } from '../lib/chunks.ts'
import type { LogCursor, LogView } from './log-cursor.ts'

/** As much of an event as says whom it concerns. */
interface SweptEvent {
  readonly seq: number
  readonly lo?: Address
  readonly hi?: Address
}

/** The event log, as far as it is swept. */
export interface SweepableLog {
  sweep(seq: number, missing: readonly number[], limit: number, withUsers: boolean): Promise<LogView<SweptEvent>>
  findAll(seqs: readonly number[]): Promise<PairEvent[]>
}

interface LogSweeperOptions {
  readonly log: SweepableLog
  readonly cursor: LogCursor
  /** How often the log is swept when nothing asks for it, in milliseconds. */
  readonly sweepMs: number
  /** Whether an event may be wanted at all. */
  readonly isAnythingWanted: () => boolean
  readonly isWanted: (event: SweptEvent) => boolean
  /** Called with each part of the log, and those of its events that are wanted. It moves the cursor on. */
  readonly onSwept: (view: LogView<SweptEvent>, found: readonly PairEvent[]) => void
  /** Called with the first of several failures in a row. */
  readonly onError: (error: unknown) => void
}

/** Events of one read, and how many of them are read in full at a time. */
const READ_LIMIT = 5000
const FIND_LIMIT = 500
/** Sweeps are at least this far apart, in milliseconds: what asks for one in between is served by the next. */
const GAP_MS = 20
/** Before a sweep that failed is tried again, in milliseconds. */
const RETRY_MS = 200

/** Reads the log from where the cursor is, again and again: who is concerned of everything, and the rest of what is wanted. */
export class LogSweeper {
  readonly #options: LogSweeperOptions
  /** The sweep that is under way, or was last. */
  #sweeping: Promise<void> = Promise.resolve()
  #isSweeping = false
  /** When the next one is due, by the monotonic clock. */
  #dueAt = Number.POSITIVE_INFINITY
  #lastAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #isFailing = false
  #isClosed = false

  constructor(options: LogSweeperOptions) {
    this.#options = options
  }

  /** Sweeps for the first time, and goes on with it. @throws what the first sweep throws */
  async start(): Promise<void> {
    this.#isSweeping = true
    await this.#readAll()
    this.#isSweeping = false
    this.sweepWithin(this.#options.sweepMs)
    this.#arm()
  }

  /** Sweeps what is committed by now, so soon. */
  sweepWithin(ms: number): void {
    const dueAt = Math.max(performance.now() + ms, this.#lastAt + GAP_MS)
    if (dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    if (!this.#isSweeping) this.#arm()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#sweeping
  }

  #arm(): void {
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep()
    }, this.#dueAt - performance.now())
  }

  async #sweep(): Promise<void> {
    this.#isSweeping = true
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#lastAt = performance.now()
    try {
      await this.#readAll()
      this.#isFailing = false
      this.sweepWithin(this.#options.sweepMs)
    } catch (error) {
      // Reported once: it is tried again several times a second.
      if (!this.#isFailing) this.#options.onError(error)
      this.#isFailing = true
      this.#dueAt = performance.now() + RETRY_MS
    }
    this.#isSweeping = false
    this.#arm()
  }

  async #readAll(): Promise<void> {
    const { log, cursor, isAnythingWanted, isWanted, onSwept } = this.#options
    for (let isMore = true; isMore && !this.#isClosed; ) {
      const withUsers = isAnythingWanted()
      const view = await log.sweep(cursor.head, cursor.missing, READ_LIMIT, withUsers)
      // Somebody wants something by now, and may have done so before the log was looked at.
      if (!withUsers && isAnythingWanted()) continue
      const wanted = view.events.filter(isWanted).map(({ seq }) => seq)
      const found: PairEvent[] = []
      for (const seqs of chunksOf(wanted, FIND_LIMIT)) found.push(...(await log.findAll(seqs)))
      if (!this.#isClosed) onSwept(view, found)
      isMore = view.events.length >= READ_LIMIT
    }
  }
}
