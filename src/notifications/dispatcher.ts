import type { PairEvent, SettingsEvent } from '../domain/events.ts'
import type { Backoff } from '../lib/backoff.ts'
import type { Logger } from '../observability/logger.ts'
import type { MetricRegistry } from '../observability/metric-registry.ts'
import { notificationMetrics } from '../observability/notification-metrics.ts'
import { OutboxWorker } from '../outbox/worker.ts'
import type { Database } from '../storage/db/database.ts'
import { NOTIFICATION_OUTBOX } from '../storage/notification-outbox.ts'
import { OutboxStore } from '../storage/outbox.ts'
import { Deliveries } from './deliveries.ts'
import type { NotificationSink } from './sink.ts'
import { SinkWatch } from './sink-watch.ts'

export interface DispatcherOptions {
  /** Pairs and users of whom a sink is told side by side, by one instance. */
  readonly lanes: number
  /** How often the log is looked at when nobody wakes the dispatcher, in milliseconds. */
  readonly pollMs: number
  /** For so long a pair belongs to an instance, in milliseconds. One that is killed delays its pairs by that. */
  readonly leaseMs: number
  /** Longest time of one delivery, in milliseconds; a lease is a good deal longer. */
  readonly sendMs: number
  /** Between the tries of one pair or user. */
  readonly pairBackoff: Backoff
  /** Between the tries of a sink that is away. */
  readonly awayBackoff: Backoff
}

interface DispatcherDeps {
  readonly sinks: readonly NotificationSink[]
  readonly db: Database
  readonly registry: MetricRegistry
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

interface Part {
  readonly sink: NotificationSink
  readonly store: OutboxStore<PairEvent | SettingsEvent>
  readonly watch: SinkWatch
  readonly logger: Logger
}

/**
 * Tells other systems what was committed: each at its own pace, so that one that is slow or away holds up neither
 * another nor any write. What a sink is behind waits in the log.
 */
export class Dispatcher {
  readonly #parts: readonly Part[]
  readonly #workers: readonly OutboxWorker<PairEvent | SettingsEvent>[]

  constructor({ sinks, db, registry, logger, now }: DispatcherDeps, options: DispatcherOptions) {
    const { lanes, pollMs, leaseMs, sendMs, pairBackoff, awayBackoff } = options
    this.#parts = sinks.map(sink => {
      const log = logger.child({ sink: sink.name })
      const watch = new SinkWatch({ backoff: awayBackoff, logger: log, now })
      return { sink, store: new OutboxStore(db, NOTIFICATION_OUTBOX, sink.name), watch, logger: log }
    })
    const metrics = notificationMetrics(registry, {
      sinks: this.#parts.map(({ sink, store, watch }) => ({
        name: sink.name,
        stats: () => store.stats(),
        isPaused: () => watch.isPaused
      })),
      now
    })
    this.#workers = this.#parts.map(({ sink, store, watch, logger: log }) => {
      const { name } = sink
      const deliveries = new Deliveries(
        { sink, watch, logger: log, now, onDelivered: seconds => metrics.delivered(name, seconds) },
        // At the tries after the next, so that another event can show first whether the sink is back.
        { sendMs, backoff: pairBackoff, giveWayMs: 2 * pollMs }
      )
      return new OutboxWorker(
        {
          store,
          deliver: (leased, _, stop) => deliveries.deliver(leased, stop),
          target: watch,
          metrics: { attempted: outcome => metrics.attempted(name, outcome) },
          logger: log
        },
        { lanes, pollMs, leaseMs, stepMs: sendMs }
      )
    })
  }

  /** Begins with what happens from now on; a sink that was configured before gets what has happened since. */
  async start(): Promise<void> {
    for (const { store } of this.#parts) await store.begin()
    for (const worker of this.#workers) worker.start()
  }

  /** Something was committed. */
  wake(): void {
    for (const worker of this.#workers) worker.wake()
  }

  /** Lets deliveries under way end within `graceMs`, and gives back the rest. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.stop(graceMs)))
  }
}
