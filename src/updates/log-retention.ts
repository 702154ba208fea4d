import { settledWithin } from '../lib/deadline.ts'
import type { Logger } from '../observability/logger.ts'
import type { LogHolder, LogHolders, Outboxes } from '../storage/log-holders.ts'
import type { LogLayout, LogPartition } from '../storage/log-layout.ts'
import type { LogPartitions } from '../storage/log-partitions.ts'

interface LogRetentionDeps {
  readonly partitions: LogPartitions
  readonly holders: LogHolders
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

export interface LogRetentionOptions {
  /** For how long events are kept at least, in milliseconds; null for ever. */
  readonly retentionMs: number | null
  /** What this instance brings events to. */
  readonly outboxes: Outboxes
  /** How often it is looked at, in milliseconds. */
  readonly everyMs: number
}

/** What was last seen of the log. */
interface LogState {
  readonly partitions: number
  /** Age of the oldest event; null when there is none. */
  readonly oldestAgeMs: number | null
}

/** A partition takes the events of so large a part of the retention, and then the next one. */
const SHARE = 8
/** Devices keep nothing that is so many times as old as the log is to be: they start anew then. */
const LONGEST_FOR_DEVICES = 2
/** Somebody who keeps the log so much longer than it is to be kept is warned of. */
const WORTH_A_WARNING = 1.25
/** Partitions that are dropped at a time. */
const MAX_DROPS = 100

/**
 * Keeps the log within bounds: makes its partitions ahead of need, and drops those of which all events are too old and
 * needed by nobody. All instances look, one of them does it.
 */
export class LogRetention {
  readonly #deps: LogRetentionDeps
  readonly #options: LogRetentionOptions
  #timer: NodeJS.Timeout | undefined
  #pass: Promise<void> | null = null
  #state: LogState = { partitions: 0, oldestAgeMs: null }
  #holder: LogHolder | null = null
  #warnedOf: LogHolder | null = null
  #isFailing = false
  #isStopping = false

  constructor(deps: LogRetentionDeps, options: LogRetentionOptions) {
    this.#deps = deps
    this.#options = options
  }

  get state(): LogState {
    return this.#state
  }

  /** Who keeps the log longer than it is to be kept; null when nobody does. */
  get holder(): LogHolder | null {
    return this.#holder
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), this.#options.everyMs)
    void this.look()
  }

  /** Looks now; those who call meanwhile wait for the same look. A failure is logged. */
  look(): Promise<void> {
    this.#pass ??= this.#look()
      .then(
        () => {
          this.#isFailing = false
        },
        error => this.#failed(error)
      )
      .finally(() => {
        this.#pass = null
      })
    return this.#pass
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    if (this.#pass) await settledWithin(graceMs, this.#pass)
  }

  async #look(): Promise<void> {
    const { partitions, holders } = this.#deps
    const { retentionMs, outboxes } = this.#options
    await holders.use(outboxes)
    await partitions.prepare()
    if (retentionMs === null) return this.#see(await partitions.layout())
    await this.#closeOld(await partitions.layout(), retentionMs)
    for (let drops = 0; drops < MAX_DROPS && !this.#isStopping; drops++) {
      const layout = await partitions.layout()
      this.#see(layout)
      const [first] = layout.partitions
      if (!first || first.until > layout.next || this.#ageOf(first.newestAt) <= retentionMs) {
        this.#heldBy(null)
        break
      }
      if (!(await this.#drop(first, retentionMs))) break
    }
    await holders.sweep(retentionMs)
  }

  /** In a small world a partition would take the events of years. */
  async #closeOld({ partitions, next }: LogLayout, retentionMs: number): Promise<void> {
    const present = partitions.find(({ from, until }) => from <= next && next < until)
    const isOld = present && present.last !== null && this.#ageOf(present.oldestAt) > retentionMs / SHARE
    if (isOld) await this.#deps.partitions.close(present)
  }

  /** @returns whether it is gone: not while somebody needs it, or when it could not be done now */
  async #drop(partition: LogPartition, retentionMs: number): Promise<boolean> {
    const { partitions, holders } = this.#deps
    if (partition.last === null) return partitions.drop(partition, [])
    const age = this.#ageOf(partition.newestAt)
    const holder = await holders.holderOf(partition.last, age <= LONGEST_FOR_DEVICES * retentionMs)
    const kept = holder === null ? await holders.taken(partition.last) : null
    if (kept === null) {
      this.#heldBy(holder ?? 'outbox', age > WORTH_A_WARNING * retentionMs)
      return false
    }
    this.#heldBy(null)
    return partitions.drop(partition, kept)
  }

  #see({ partitions }: LogLayout): void {
    const oldest = partitions.find(({ oldestAt }) => oldestAt !== null)
    this.#state = { partitions: partitions.length, oldestAgeMs: oldest ? this.#ageOf(oldest.oldestAt) : null }
  }

  /** What has no time has nothing in it, and can be taken for very old. */
  #ageOf(at: number | null): number {
    return at === null ? Number.POSITIVE_INFINITY : this.#deps.now() - at
  }

  #heldBy(holder: LogHolder | null, isLong = false): void {
    this.#holder = holder
    if (isLong && holder !== this.#warnedOf) {
      this.#deps.logger.warn({ by: holder }, 'The log is kept longer than LOG_RETENTION')
      this.#warnedOf = holder
    }
    if (holder === null) this.#warnedOf = null
  }

  #failed(error: unknown): void {
    if (!this.#isFailing && !this.#isStopping) {
      this.#deps.logger.warn({ err: error }, 'The partitions of the log could not be looked after')
    }
    this.#isFailing = true
  }
}
