import { shared } from '../lib/single-flight.ts'
import type { MetricRegistry } from './metric-registry.ts'
import { ageInSeconds, OUTCOMES, type OutboxGauges, type Outcome } from './outbox-metrics.ts'

const PREFIX = 'social_notifications_'
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

interface ObservedSink {
  readonly name: string
  /** Read when metrics are collected. */
  readonly stats: () => Promise<OutboxGauges>
  readonly isPaused: () => boolean
}

interface NotificationMetricsDeps {
  readonly sinks: readonly ObservedSink[]
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Counts what other systems are told, each by its name. */
export function notificationMetrics(registry: MetricRegistry, { sinks, now }: NotificationMetricsDeps) {
  const sink = sinks.map(({ name }) => name)
  const attempts = registry.counter({
    name: `${PREFIX}attempts_total`,
    help: 'Tries to deliver a notification, by how they ended',
    labels: { sink, outcome: OUTCOMES }
  })
  const durations = registry.histogram({
    name: `${PREFIX}duration_seconds`,
    help: 'Time of the deliveries that succeeded',
    labels: { sink },
    buckets: SECONDS
  })
  // Collected at the same moment, they take one look at the database together.
  const sharedStats = new Map(sinks.map(({ name, stats }) => [name, shared(() => stats().catch(() => null))]))
  const observe = (name: string, help: string, read: (stats: OutboxGauges) => number): void =>
    registry.observeEach({ name: PREFIX + name, help, label: 'sink' }, async () => {
      const counted = [...sharedStats].map(async ([each, stats]) => {
        const found = await stats()
        return [each, found && read(found)] as const
      })
      return Object.fromEntries(await Promise.all(counted))
    })
  observe('depth', 'Events that the sink was not told yet', ({ depth }) => depth)
  observe('parked', 'Events that wait for an operator', ({ parked }) => parked)
  observe('oldest_age_seconds', 'Age of the oldest event that the sink was not told yet', ({ oldestAt }) =>
    ageInSeconds(oldestAt, now())
  )
  registry.observeEach(
    { name: `${PREFIX}paused`, help: 'Whether this instance leaves the sink alone because it is away', label: 'sink' },
    () => Object.fromEntries(sinks.map(({ name, isPaused }) => [name, Number(isPaused())]))
  )
  return {
    attempted: (name: string, outcome: Outcome): void => attempts.inc({ sink: name, outcome }),
    delivered: (name: string, seconds: number): void => durations.observe({ sink: name }, seconds)
  }
}
