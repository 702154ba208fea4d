import { setTimeout as wait } from 'node:timers/promises'
import type { PairEvent } from '../../domain/events.ts'
import type { Backoff } from '../../lib/backoff.ts'
import type { Logger } from '../../observability/logger.ts'
import type { OutboxMetrics } from '../../observability/outbox-metrics.ts'
import type { LeasedEvent, OutboxStore } from '../../storage/outbox.ts'
import { HomeserverError } from '../client/errors.ts'
import type { HomeserverWatch } from './homeserver-watch.ts'
import { classifyFailure, isDatabaseAway } from './retry-decision.ts'

/** Makes sure that calls may go on. @throws Interrupted */
export type Check = () => void

export interface OutboxWorkerDeps {
  readonly store: OutboxStore
  /**
   * Makes the homeserver follow an event. It calls `check` before each call, or few of them.
   * @param attempts tries before this one that count
   */
  readonly follow: (event: PairEvent, attempts: number, check: Check) => Promise<void>
  readonly watch: HomeserverWatch
  readonly metrics: OutboxMetrics
  readonly logger: Logger
  /** Pairs that are brought along side by side. */
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
class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/**
 * Brings what happened to pairs to the homeserver. It never holds up a friendship: what is committed waits in the log
 * until a lane is free, and from then on in the outbox until the homeserver has it. Any number of workers share both.
 */
export class OutboxWorker {
  readonly #deps: OutboxWorkerDeps
  readonly #runs = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  /** There may be something to lease, or to enqueue. */
  #isDue = false
  #leasing: Promise<void> | null = null
  #isStopping = false
  #isBlind = false

  constructor(deps: OutboxWorkerDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#deps.pollMs)
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
    const ends = this.#ended()
    await Promise.race([ends, wait(graceMs, undefined, { ref: false })])
  }

  async #ended(): Promise<void> {
    await this.#leasing
    await Promise.all(this.#runs)
  }

  #fillLanes(): void {
    if (!this.#leasing && this.#hasWork()) this.#leasing = this.#lease()
  }

  #hasWork(): boolean {
    return this.#isDue && !this.#isStopping && this.#runs.size < this.#deps.lanes
  }

  async #lease(): Promise<void> {
    const { store, watch, lanes, leaseMs } = this.#deps
    try {
      while (this.#hasWork() && (await watch.isReady())) {
        this.#isDue = false
        const free = lanes - this.#runs.size
        const leasedAt = performance.now()
        const leased = await store.lease(free, leaseMs)
        for (const one of leased) this.#start(one, leasedAt)
        if (leased.length === free || (await store.enqueueFromLog(ENQUEUE_BATCH)) > 0) this.#isDue = true
        this.#isBlind = false
      }
    } catch (error) {
      this.#lostSight(error)
    } finally {
      // In the same breath as the last look at whether there is work, so that no wake falls in between.
      this.#leasing = null
    }
  }

  #start(leased: LeasedEvent, leasedAt: number): void {
    const run = this.#run(leased, leasedAt)
      .catch(error => this.#lostSight(error))
      .finally(() => {
        this.#runs.delete(run)
        this.#fillLanes()
      })
    this.#runs.add(run)
  }

  /** Follows the events of a pair, one after the other, while there are any. */
  async #run(first: LeasedEvent, leasedAt: number): Promise<void> {
    const { store, leaseMs } = this.#deps
    let leased: LeasedEvent | null = first
    let startedAt = leasedAt
    while (leased && (await this.#follow(leased, startedAt))) {
      startedAt = performance.now()
      leased = await store.finish(leased, leaseMs)
    }
  }

  async #follow(leased: LeasedEvent, leasedAt: number): Promise<boolean> {
    const { store, follow, metrics, leaseMs, stepMs } = this.#deps
    const { event } = leased
    // Counted from before the lease was asked for, so that it never ends later than the database says.
    const lastCallAt = leasedAt + leaseMs - stepMs
    const check = (): void => {
      if (this.#isStopping || performance.now() > lastCallAt) throw new Interrupted()
    }
    const startedAt = performance.now()
    try {
      check()
      await follow(event, leased.attempts, check)
    } catch (error) {
      if (!(error instanceof Interrupted)) await this.#failed(leased, error)
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
    const { store, watch, metrics, logger, backoff } = this.#deps
    const { outcome, ...setback } = await classifyFailure(error, leased.attempts, watch, backoff)
    metrics.attempted(outcome)
    await store.postpone(leased, setback)
    const { actor, target, action } = leased.event
    const fields = { err: error, actor, target, action, attempts: setback.attempts }
    if (outcome === 'parked') logger.error(fields, 'An event cannot be brought to the homeserver: its pair is parked')
    else if (!(error instanceof HomeserverError || isDatabaseAway(error)))
      logger.error(fields, 'An event could not be brought to the homeserver')
    else logger.debug(fields, 'An event is not brought to the homeserver yet')
  }

  /** The outbox cannot be read or written: leases run out, and everything is tried again. */
  #lostSight(error: unknown): void {
    if (!this.#isBlind && !this.#isStopping) this.#deps.logger.warn({ err: error }, 'The outbox cannot be used')
    this.#isBlind = true
  }
}
