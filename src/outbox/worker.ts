import { settledWithin } from '../lib/deadline.ts'
import type { Logger } from '../observability/logger.ts'
import type { Outcome } from '../observability/outbox-metrics.ts'
import type { LeasedEvent, LoggedEvent, OutboxStore } from '../storage/outbox.ts'
import type { RetryDecision } from './retry-decision.ts'

/** Makes sure that calls may go on. @throws InterruptedError */
export type LeaseCheck = () => void

/** What an event is brought to, as far as it matters whether that can be reached. */
interface Target {
  /** How many events may be on their way at a time, of at most `lanes`; 0 while it is left alone. */
  capacity(lanes: number): Promise<number>
}

export interface OutboxWorkerDeps<Event extends LoggedEvent> {
  readonly store: OutboxStore<Event>
  /**
   * Brings an event to its target. It calls `checkLease` before each call, or few of them; the signal says when the
   * grace of a stop is over.
   * @returns null when it is there, or else how it is tried again
   * @throws InterruptedError
   */
  readonly deliver: (
    leased: LeasedEvent<Event>,
    checkLease: LeaseCheck,
    signal: AbortSignal
  ) => Promise<RetryDecision | null>
  readonly target: Target
  readonly metrics: { attempted(outcome: Outcome): void }
  readonly logger: Logger
}

export interface OutboxWorkerOptions {
  /** Pairs whose events are on their way side by side. */
  readonly lanes: number
  /** How often the outbox is looked at when nobody wakes the worker, in milliseconds. */
  readonly pollMs: number
  /** For so long nobody else touches a pair, in milliseconds. A worker that is killed delays its pairs by that. */
  readonly leaseMs: number
  /** Longest time between two checks, in milliseconds: no call goes on when the lease is over. */
  readonly stepMs: number
}

/** Events that are enqueued from the log at a time: what the target is behind beyond that, waits in the log. */
const ENQUEUE_BATCH = 200
/** What is left of the grace of a stop for giving back what was cut off, in milliseconds. */
const GIVE_BACK_MS = 250

/** A lease that was nearly over, or a service that stops: somebody else goes on. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/**
 * Brings what was committed to another system. It never holds up a write: what happens waits in the log until a lane is
 * free, and from then on in the outbox until it is there. Any number of workers share both.
 */
export class OutboxWorker<Event extends LoggedEvent> {
  readonly #deps: OutboxWorkerDeps<Event>
  readonly #options: OutboxWorkerOptions
  readonly #runs = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  /** There may be something to lease, or to enqueue. */
  #isDue = false
  #leasing: Promise<void> | null = null
  #isStopping = false
  #isUnavailable = false

  constructor(deps: OutboxWorkerDeps<Event>, options: OutboxWorkerOptions) {
    this.#deps = deps
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#options.pollMs)
    this.wake()
  }

  /** Something was committed. */
  wake(): void {
    this.#isDue = true
    this.#fillLanes()
  }

  /**
   * Leases nothing any more, and lets the calls under way end within `graceMs`; those that can be are cut off then. What
   * is not finished is given back; a call that takes longer keeps its pair until the lease is over.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    const ended = Promise.resolve(this.#leasing).then(() => Promise.all(this.#runs))
    if (await settledWithin(Math.max(0, graceMs - GIVE_BACK_MS), ended)) return
    this.#abort.abort()
    await settledWithin(Math.min(graceMs, GIVE_BACK_MS), ended)
  }

  #fillLanes(): void {
    if (!this.#leasing && this.#hasWork()) this.#leasing = this.#lease()
  }

  #hasWork(): boolean {
    return this.#isDue && !this.#isStopping && this.#runs.size < this.#options.lanes
  }

  async #lease(): Promise<void> {
    const { store, target } = this.#deps
    const { lanes, leaseMs } = this.#options
    try {
      while (this.#hasWork()) {
        const capacity = await target.capacity(lanes)
        const free = capacity - this.#runs.size
        if (free <= 0) break
        this.#isDue = false
        const leasedAt = performance.now()
        const leased = await store.lease(free, leaseMs)
        for (const event of leased) this.#start(event, leasedAt)
        // While it is only found out whether the target is back, what it would not get stays in the log.
        const batch = capacity < lanes ? capacity : ENQUEUE_BATCH
        if (leased.length === free || (await store.enqueueFromLog(batch)) > 0) this.#isDue = true
        this.#isUnavailable = false
      }
    } catch (error) {
      this.#outboxFailed(error)
    } finally {
      // In the same breath as the last look at whether there is work, so that no wake falls in between.
      this.#leasing = null
    }
  }

  #start(leased: LeasedEvent<Event>, leasedAt: number): void {
    const run = this.#run(leased, leasedAt)
      .catch(error => this.#outboxFailed(error))
      .finally(() => {
        this.#runs.delete(run)
        this.#fillLanes()
      })
    this.#runs.add(run)
  }

  /** Brings the events of a pair there, one after the other, while there are any. */
  async #run(first: LeasedEvent<Event>, leasedAt: number): Promise<void> {
    const { store } = this.#deps
    let leased: LeasedEvent<Event> | null = first
    let startedAt = leasedAt
    while (leased && (await this.#deliver(leased, startedAt))) {
      startedAt = performance.now()
      leased = await store.finish(leased, this.#options.leaseMs)
    }
  }

  /** @returns whether it is there */
  async #deliver(leased: LeasedEvent<Event>, leasedAt: number): Promise<boolean> {
    const { store, deliver, metrics } = this.#deps
    const { leaseMs, stepMs } = this.#options
    // Counted from before the lease was requested, so that it never ends later than the database says.
    const lastCallAt = leasedAt + leaseMs - stepMs
    const checkLease = (): void => {
      if (this.#isStopping || performance.now() > lastCallAt) throw new InterruptedError()
    }
    try {
      checkLease()
      const decision = await deliver(leased, checkLease, this.#abort.signal)
      metrics.attempted(decision?.outcome ?? 'done')
      if (decision) await store.postpone(leased, decision)
      return decision === null
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error
      metrics.attempted('interrupted')
      await store.release(leased)
      return false
    }
  }

  /** The outbox cannot be read or written: leases run out, and everything is tried again. */
  #outboxFailed(error: unknown): void {
    if (!this.#isUnavailable && !this.#isStopping) this.#deps.logger.warn({ err: error }, 'The outbox cannot be used')
    this.#isUnavailable = true
  }
}
