import type { PairEvent } from '../../domain/events.ts'
import type { Backoff } from '../../lib/backoff.ts'
import { settledWithin } from '../../lib/deadline.ts'
import type { Logger } from '../../observability/logger.ts'
import type { OutboxMetrics } from '../../observability/outbox-metrics.ts'
import type { LeasedEvent, OutboxStore } from '../../storage/outbox.ts'
import { HomeserverError } from '../client/errors.ts'
import type { HomeserverWatch } from './homeserver-watch.ts'
import { classifyFailure, isDatabaseAway } from './retry-decision.ts'

/** Makes sure that calls may go on. @throws InterruptedError */
export type LeaseCheck = () => void

export interface OutboxWorkerDeps {
  readonly store: OutboxStore
  /**
   * Makes the homeserver follow an event. It calls `checkLease` before each call, or few of them.
   * @param attempts tries before this one that count
   */
  readonly follow: (event: PairEvent, attempts: number, checkLease: LeaseCheck) => Promise<void>
  readonly watch: HomeserverWatch
  readonly metrics: OutboxMetrics
  readonly logger: Logger
}

export interface OutboxWorkerOptions {
  /** Pairs that are followed side by side. */
  readonly lanes: number
  /** How often the outbox is looked at when nobody wakes the worker, in milliseconds. */
  readonly pollMs: number
  /** For so long nobody else touches a pair, in milliseconds. A worker that is killed delays its pairs by that. */
  readonly leaseMs: number
  /** Longest time between two checks, in milliseconds: no call goes on when the lease is over. */
  readonly stepMs: number
  /** Between the tries of one pair. */
  readonly backoff: Backoff
}

/** Events that are enqueued from the log at a time: what the homeserver is behind beyond that, waits in the log. */
const ENQUEUE_BATCH = 200

/** A lease that was nearly over, or a service that stops: somebody else goes on. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/**
 * Brings what happened to pairs to the homeserver. It never holds up a friendship: what is committed waits in the log
 * until a lane is free, and from then on in the outbox until the homeserver has it. Any number of workers share both.
 */
export class OutboxWorker {
  readonly #deps: OutboxWorkerDeps
  readonly #options: OutboxWorkerOptions
  readonly #runs = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  /** There may be something to lease, or to enqueue. */
  #isDue = false
  #leasing: Promise<void> | null = null
  #isStopping = false
  #isUnavailable = false

  constructor(deps: OutboxWorkerDeps, options: OutboxWorkerOptions) {
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
   * Leases nothing any more, and lets the calls under way end within `graceMs`. What is not finished is given back; a
   * call that takes longer keeps its pair until the lease is over.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    const ended = Promise.resolve(this.#leasing).then(() => Promise.all(this.#runs))
    await settledWithin(graceMs, ended)
  }

  #fillLanes(): void {
    if (!this.#leasing && this.#hasWork()) this.#leasing = this.#lease()
  }

  #hasWork(): boolean {
    return this.#isDue && !this.#isStopping && this.#runs.size < this.#options.lanes
  }

  async #lease(): Promise<void> {
    const { store, watch } = this.#deps
    const { lanes, leaseMs } = this.#options
    try {
      while (this.#hasWork() && (await watch.isReady())) {
        this.#isDue = false
        const free = lanes - this.#runs.size
        const leasedAt = performance.now()
        const leased = await store.lease(free, leaseMs)
        for (const event of leased) this.#start(event, leasedAt)
        if (leased.length === free || (await store.enqueueFromLog(ENQUEUE_BATCH)) > 0) this.#isDue = true
        this.#isUnavailable = false
      }
    } catch (error) {
      this.#outboxFailed(error)
    } finally {
      // In the same breath as the last look at whether there is work, so that no wake falls in between.
      this.#leasing = null
    }
  }

  #start(leased: LeasedEvent, leasedAt: number): void {
    const run = this.#run(leased, leasedAt)
      .catch(error => this.#outboxFailed(error))
      .finally(() => {
        this.#runs.delete(run)
        this.#fillLanes()
      })
    this.#runs.add(run)
  }

  /** Follows the events of a pair, one after the other, while there are any. */
  async #run(first: LeasedEvent, leasedAt: number): Promise<void> {
    const { store } = this.#deps
    let leased: LeasedEvent | null = first
    let startedAt = leasedAt
    while (leased && (await this.#follow(leased, startedAt))) {
      startedAt = performance.now()
      leased = await store.finish(leased, this.#options.leaseMs)
    }
  }

  async #follow(leased: LeasedEvent, leasedAt: number): Promise<boolean> {
    const { store, follow, metrics } = this.#deps
    const { leaseMs, stepMs } = this.#options
    const { event } = leased
    // Counted from before the lease was requested, so that it never ends later than the database says.
    const lastCallAt = leasedAt + leaseMs - stepMs
    const checkLease = (): void => {
      if (this.#isStopping || performance.now() > lastCallAt) throw new InterruptedError()
    }
    const startedAt = performance.now()
    try {
      checkLease()
      await follow(event, leased.attempts, checkLease)
    } catch (error) {
      if (!(error instanceof InterruptedError)) await this.#failed(leased, error)
      else {
        metrics.attempted('interrupted')
        await store.release(leased)
      }
      return false
    }
    metrics.attempted('done')
    metrics.followed(event.action, (performance.now() - startedAt) / 1000)
    return true
  }

  async #failed(leased: LeasedEvent, error: unknown): Promise<void> {
    const { store, watch, metrics, logger } = this.#deps
    const { outcome, ...retry } = await classifyFailure(error, leased.attempts, watch, this.#options.backoff)
    metrics.attempted(outcome)
    await store.postpone(leased, retry)
    const { actor, target, action } = leased.event
    const fields = { err: error, actor, target, action, attempts: retry.attempts }
    if (outcome === 'parked') logger.error(fields, 'An event cannot be brought to the homeserver: its pair is parked')
    else if (!(error instanceof HomeserverError || isDatabaseAway(error)))
      logger.error(fields, 'An event could not be brought to the homeserver')
    else logger.debug(fields, 'An event is not brought to the homeserver yet')
  }

  /** The outbox cannot be read or written: leases run out, and everything is tried again. */
  #outboxFailed(error: unknown): void {
    if (!this.#isUnavailable && !this.#isStopping) this.#deps.logger.warn({ err: error }, 'The outbox cannot be used')
    this.#isUnavailable = true
  }
}
