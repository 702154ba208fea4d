import { createHash, randomUUID } from 'node:crypto'
import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { EventLog } from '../storage/event-log.ts'
import type { LastPosition, SavedPosition, SavedPositionStore } from '../storage/saved-positions.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { whenAvailable } from '../subscriptions/when-available.ts'
import type { Hub } from './hub.ts'
import { type Device, type LogPage, ResumableStream } from './resumable-stream.ts'

/** How a stream began: anew, or where its device left off; after `expired` and `overrun` events are lost to it. */
export const RESUME_OUTCOMES = ['fresh', 'resumed', 'expired', 'overrun'] as const
type ResumeOutcome = (typeof RESUME_OUTCOMES)[number]

interface UpdatesDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly hub: Hub
  readonly log: EventLog
  readonly positions: SavedPositionStore
  /** The number up to which all events were delivered here, or will never be. */
  readonly lowWatermark: () => number
  /** For so long a device that lost its connection can resume, in milliseconds. */
  readonly windowMs: number
  /** So many events a device may have missed. */
  readonly maxMissed: number
  /** How often the position of a stream to which nothing happens is saved anew, in milliseconds; null for never. */
  readonly refreshMs: number | null
  /** For so long a stream waits for a database that is away, in milliseconds. */
  readonly startTimeoutMs: number
  readonly onResume: (outcome: ResumeOutcome) => void
  /** Called with failures for which no client waits. */
  readonly onError: (error: unknown) => void
}

/** How often positions are saved while events flow, in milliseconds: what a device may see twice after a crash. */
const FLUSH_MS = 50
/** How often an instance says that it is alive, in milliseconds. */
const HEARTBEAT_MS = 5000
/** Positions that are saved in one statement. */
const SAVE_BATCH = 1000
/** Events that are read from the log at a time for a device that reads too slowly. */
const LOG_PAGE = 1000

/** A device that subscribes, and what is remembered of it. */
export interface LastingDevice extends Device {
  /** The same when the device comes back, and another one for everything else that it subscribes to. */
  readonly deviceKey: string
}

/** By which a saved position is found again, and whose it is: a stream that lost it to a later one saves no more. */
interface PositionKey {
  /** A hash, as a text of its bytes: that takes a sixth of the memory of a buffer. */
  readonly device: string
  readonly owner: string
}

/**
 * What others do to a user, for every device of theirs. A device that lost its connection and comes back in time first
 * gets what it has not acknowledged, of each pair the last event; whichever instance it comes back to. So does one that
 * reads too slowly, without coming back.
 */
export class Updates {
  readonly #deps: UpdatesDeps
  readonly #owner: ConstructorParameters<typeof ResumableStream>[2]
  readonly #streams = new Map<ResumableStream, PositionKey>()
  /** Those of them whose position may have changed: of many thousands that are open, most are idle. */
  readonly #active = new Set<ResumableStream>()
  /** What goes into the next statement, by the owners of the positions. */
  readonly #dirty = new Map<string, SavedPosition>()
  #isSaving = false
  #saving: Promise<boolean> = Promise.resolve(true)
  /** Those whose positions are still to be refreshed in this round. */
  #toRefresh = this.#streams.keys()
  #refreshedAt = performance.now()
  #flushTimer: NodeJS.Timeout | undefined
  #heartbeatTimer: NodeJS.Timeout | undefined

  constructor(deps: UpdatesDeps) {
    this.#deps = deps
    this.#owner = {
      lowWatermark: deps.lowWatermark,
      readLog: (device, after) => this.#whenAvailable(device, () => this.#readLog(device.address, after)),
      activated: stream => this.#active.add(stream),
      ended: stream => this.#remove(stream)
    }
  }

  /** Says that this instance is alive, and goes on to say so. */
  async start(): Promise<void> {
    await this.#deps.positions.heartbeat(this.#deps.instance, this.#deps.lowWatermark())
    this.#heartbeatTimer = setInterval(() => this.#heartbeat(), HEARTBEAT_MS)
    this.#flushTimer = setInterval(() => this.#flush(), FLUSH_MS)
  }

  /**
   * Events queue up from the call on; those that the device missed come before them.
   * @param older a stream of the same device whose place this one takes: what it has not acknowledged comes first, and
   * nothing is handed over there any more. It happens before anything is waited for.
   * @throws SocialError `unavailable`
   */
  async open(lasting: LastingDevice, older: unknown = null): Promise<Subscription<PairEvent>> {
    const { address, tokenHash, signal, acknowledged, isRelevant, deviceKey } = lasting
    // What is held as long as the stream is open, which its key need not be.
    const device = { address, tokenHash, signal, acknowledged, isRelevant }
    const live = this.#deps.hub.open(device, events => stream.forget(events))
    const stream = new ResumableStream(device, live, this.#owner)
    if (this.#takeOver(stream, older)) return stream
    try {
      const key = { device: createHash('sha256').update(deviceKey).digest('binary'), owner: randomUUID() }
      const delivered = this.#deps.lowWatermark()
      await this.#whenAvailable(device, () => this.#resume(device.address, stream, { ...key, delivered }))
      this.#streams.set(stream, key)
      this.#active.add(stream)
      return stream
    } catch (error) {
      live.end()
      if (device.signal.aborted) return stream
      throw error
    }
  }

  /** Saves what is to be saved, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeatTimer)
    clearInterval(this.#flushTimer)
    const positions = [...this.#streams].map(([stream, key]) => this.#positionOf(stream, key, true))
    this.#streams.clear()
    await this.#save(positions)
  }

  /** Deletes some of the positions from which nobody can resume any more; those that are open move on with the log. */
  sweep(): Promise<void> {
    this.#refresh()
    return this.#deps.positions.sweep(2 * this.#deps.windowMs)
  }

  /** Refreshes the share of this time, so that none looks as if it needed what is old in the log. */
  #refresh(): void {
    const { refreshMs } = this.#deps
    if (refreshMs === null) return
    const now = performance.now()
    const share = Math.ceil((this.#streams.size * (now - this.#refreshedAt)) / refreshMs)
    this.#refreshedAt = now
    for (let count = 0; count < share; count++) {
      const { value: stream } = this.#toRefresh.next()
      if (stream === undefined) {
        this.#toRefresh = this.#streams.keys()
        break
      }
      stream.markDirty()
    }
  }

  /** The position of the device stays where it is, and is saved by the same owner. */
  #takeOver(stream: ResumableStream, older: unknown): boolean {
    const key = older instanceof ResumableStream ? this.#streams.get(older) : undefined
    if (!(older instanceof ResumableStream) || key === undefined) return false
    stream.takeOver(older)
    this.#streams.delete(older)
    this.#streams.set(stream, key)
    stream.markDirty()
    return true
  }

  #whenAvailable<T>(device: Device, work: () => Promise<T>): Promise<T> {
    return whenAvailable(work, { timeoutMs: this.#deps.startTimeoutMs, isWanted: () => !device.signal.aborted })
  }

  async #readLog(address: Address, after: number): Promise<LogPage> {
    const events = await this.#deps.log.afterForTarget(address, after, LOG_PAGE)
    return { events, isLast: events.length < LOG_PAGE }
  }

  async #resume(address: Address, stream: ResumableStream, { delivered, ...key }: PositionKey & { delivered: number }) {
    const { instance, positions, log, windowMs, maxMissed, onResume } = this.#deps
    const last = await positions.claim({ ...key, device: bytesOf(key), instance, start: delivered, windowMs })
    const outcome = outcomeOf(last)
    // A claim keeps the position of a device that comes back in time: it goes on where the others are.
    if (outcome === 'overrun') stream.markDirty()
    if (last === null || outcome !== 'resumed') return onResume(outcome)
    const events = await log.afterForTarget(address, last.floor, maxMissed + last.acked.length + 1)
    const isOverrun = events.length > maxMissed + last.acked.length
    if (isOverrun) stream.markDirty()
    else stream.resume(last, events, delivered)
    onResume(isOverrun ? 'overrun' : 'resumed')
  }

  async #remove(stream: ResumableStream): Promise<void> {
    const key = this.#streams.get(stream)
    this.#streams.delete(stream)
    if (key) await this.#save([this.#positionOf(stream, key, true)])
  }

  #positionOf(stream: ResumableStream, key: PositionKey, isLost: boolean): SavedPosition {
    return { ...key, device: bytesOf(key), isLost, ...stream.position() }
  }

  #flush(): void {
    const changed: ResumableStream[] = []
    const positions: SavedPosition[] = []
    for (const stream of this.#active) {
      const key = this.#streams.get(stream)
      if (key === undefined || stream.isIdle) {
        this.#active.delete(stream)
      } else if (stream.isDirty) {
        changed.push(stream)
        positions.push(this.#positionOf(stream, key, false))
      }
    }
    if (positions.length === 0) return
    this.#save(positions).then(isSaved => {
      if (!isSaved) for (const stream of changed) stream.markDirty()
    })
  }

  /**
   * One statement after the other, so that an older position never overwrites a newer one; what comes meanwhile goes
   * into the next one. @returns whether everything is saved
   */
  #save(positions: readonly SavedPosition[]): Promise<boolean> {
    for (const position of positions) this.#dirty.set(position.owner, position)
    if (!this.#isSaving) this.#saving = this.#saveAll()
    return this.#saving
  }

  async #saveAll(): Promise<boolean> {
    this.#isSaving = true
    let isSaved = true
    while (this.#dirty.size > 0) {
      const batch = [...this.#dirty.values()].slice(0, SAVE_BATCH)
      for (const { owner } of batch) this.#dirty.delete(owner)
      try {
        await this.#deps.positions.save(batch)
      } catch (error) {
        this.#deps.onError(error)
        isSaved = false
      }
    }
    this.#isSaving = false
    return isSaved
  }

  #heartbeat(): void {
    const { positions, instance, lowWatermark, onError } = this.#deps
    positions.heartbeat(instance, lowWatermark()).catch(onError)
  }
}

function bytesOf({ device }: PositionKey): Buffer {
  return Buffer.from(device, 'binary')
}

function outcomeOf(last: LastPosition | null): ResumeOutcome {
  if (last === null) return 'fresh'
  if (!last.isRecent) return 'expired'
  return last.isInLog ? 'resumed' : 'overrun'
}
