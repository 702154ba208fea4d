import { createHash, randomUUID } from 'node:crypto'
import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { EventLog } from '../storage/event-log.ts'
import type { LastPosition, SavedPosition, SavedPositionStore } from '../storage/saved-positions.ts'
import type { Hub } from './hub.ts'
import { ResumableStream } from './resumable-stream.ts'

/** How a device began to be told: anew, or where it left off; `expired` and `overrun` are losses. */
export const RESUME_OUTCOMES = ['fresh', 'resumed', 'expired', 'overrun'] as const
type ResumeOutcome = (typeof RESUME_OUTCOMES)[number]

interface UpdatesDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly subscriptions: Hub
  readonly log: EventLog
  readonly positions: SavedPositionStore
  /** The number up to which all events have been told, if they are to be told at all. */
  readonly settled: () => number
  /** For so long a device that lost its connection can go on where it was, in milliseconds. */
  readonly windowMs: number
  /** So many updates a device may have missed. */
  readonly maxMissed: number
  /** Unix milliseconds. */
  readonly now: () => number
  /** Told how each stream began. */
  readonly onBegin: (beginning: ResumeOutcome) => void
  /** Told what failed behind the streams. */
  readonly onError: (error: unknown) => void
}

/** A device that wants to be told. */
export interface Listener {
  readonly address: Address
  /** The hex hash of the access token that the stream lives by, or null when it lives by its socket alone. */
  readonly tokenHash: string | null
  /** What makes the device the same when it comes back, and what it listens to. */
  readonly device: string
  /** Aborts when the stream, its port or its socket ends. */
  readonly signal: AbortSignal
  /** Whether the stream tells of an event at all. */
  readonly concerns: (event: PairEvent) => boolean
  /** How many of the elements that were handed over the client has acknowledged. */
  readonly acknowledged: () => number
}

/** How often positions are kept while updates flow, in milliseconds: what a crash can make a device hear twice. */
const KEEP_MS = 50
/** How often an instance says that it is alive, in milliseconds. */
const ALIVE_MS = 5000
/** Positions kept in one statement. */
const KEEP_BATCH = 1000

interface Stream {
  readonly device: Buffer
  readonly owner: string
  readonly delivery: ResumableStream
}

/**
 * Tells every device of a user what others do to them. A device that lost its connection and comes back in time is
 * first told what it has not acknowledged, of each pair the last; whichever instance it comes back to.
 */
export class Updates {
  readonly #deps: UpdatesDeps
  readonly #streams = new Set<Stream>()
  /** Those of them that have something to be taken, or had: of many thousands that are open, most are idle. */
  readonly #active = new Set<Stream>()
  /** What is to go into the next statement, by the owners of the streams. */
  readonly #unkept = new Map<string, SavedPosition>()
  #isKeeping = false
  #keeping: Promise<boolean> = Promise.resolve(true)
  #keeper: NodeJS.Timeout | undefined
  #heart: NodeJS.Timeout | undefined

  constructor(deps: UpdatesDeps) {
    this.#deps = deps
  }

  /** Says that this instance is alive, and goes on to say so. */
  async start(): Promise<void> {
    await this.#deps.positions.alive(this.#deps.instance, this.#deps.now())
    this.#heart = setInterval(() => this.#beat(), ALIVE_MS)
    this.#keeper = setInterval(() => this.#keepChanged(), KEEP_MS)
  }

  /** @param encode an update as the client is told of it; it sees those too that wait behind the update */
  async *stream<Element>(
    listener: Listener,
    encode: (event: PairEvent, waiting: readonly PairEvent[]) => Promise<Element>
  ): AsyncGenerator<Element> {
    const live = this.#deps.subscriptions.open(listener)
    const device = createHash('sha256').update(listener.device).digest()
    const onActive = (): unknown => this.#active.add(stream)
    const delivery = new ResumableStream(live, listener.concerns, listener.acknowledged, onActive)
    const stream: Stream = { device, owner: randomUUID(), delivery }
    try {
      await this.#begin(listener.address, stream)
      this.#streams.add(stream)
      this.#active.add(stream)
      yield* delivery.run(encode)
    } finally {
      live.end()
      if (this.#streams.delete(stream)) await this.#keep([this.#positionOf(stream, this.#deps.now())])
    }
  }

  /** Keeps what is to be kept, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#heart)
    clearInterval(this.#keeper)
    const lostAt = this.#deps.now()
    const positions = [...this.#streams].map(stream => this.#positionOf(stream, lostAt))
    this.#streams.clear()
    await this.#keep(positions)
  }

  /** Deletes some of what can be gone on with no more. */
  sweep(): Promise<void> {
    return this.#deps.positions.sweep(this.#deps.now() - 2 * this.#deps.windowMs)
  }

  async #begin(address: Address, { device, owner, delivery }: Stream): Promise<void> {
    const { positions, log, settled, windowMs, maxMissed, now, onBegin } = this.#deps
    const since = now() - windowMs
    const last = await positions.claim({ device, owner, instance: this.#deps.instance, start: settled(), since })
    const beginning = beginningOf(last, since)
    if (last === null || beginning !== 'resumed') return onBegin(beginning)
    const events = await log.missed(address, last.floor, maxMissed + last.acked.length + 1)
    const isOverrun = events.length > maxMissed + last.acked.length
    if (isOverrun) delivery.change()
    else delivery.resume(last, events)
    onBegin(isOverrun ? 'overrun' : 'resumed')
  }

  #positionOf({ device, owner, delivery }: Stream, lostAt: number | null): SavedPosition {
    return { device, owner, lostAt, ...delivery.position(this.#deps.settled()) }
  }

  #keepChanged(): void {
    for (const stream of this.#active) {
      if (stream.delivery.isIdle || !this.#streams.has(stream)) this.#active.delete(stream)
    }
    const changed = [...this.#active].filter(({ delivery }) => delivery.isChanged)
    if (changed.length === 0) return
    const kept = this.#keep(changed.map(stream => this.#positionOf(stream, null)))
    kept.then(isKept => {
      if (!isKept) for (const { delivery } of changed) delivery.change()
    })
  }

  /**
   * One statement after the other, so that an older position never overwrites a newer one; what comes meanwhile goes
   * into the next one. @returns whether everything is kept
   */
  #keep(positions: readonly SavedPosition[]): Promise<boolean> {
    for (const position of positions) this.#unkept.set(position.owner, position)
    if (!this.#isKeeping) this.#keeping = this.#keepAll()
    return this.#keeping
  }

  async #keepAll(): Promise<boolean> {
    this.#isKeeping = true
    let isKept = true
    while (this.#unkept.size > 0) {
      const batch = [...this.#unkept.values()].slice(0, KEEP_BATCH)
      for (const { owner } of batch) this.#unkept.delete(owner)
      try {
        await this.#deps.positions.save(batch)
      } catch (error) {
        this.#deps.onError(error)
        isKept = false
      }
    }
    this.#isKeeping = false
    return isKept
  }

  #beat(): void {
    this.#deps.positions.alive(this.#deps.instance, this.#deps.now()).catch(this.#deps.onError)
  }
}

function beginningOf(last: LastPosition | null, since: number): ResumeOutcome {
  if (last === null) return 'fresh'
  return last.lostAt >= since ? 'resumed' : 'expired'
}
