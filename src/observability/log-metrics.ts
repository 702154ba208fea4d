import type { MetricRegistry } from './metric-registry.ts'

interface LogGauges {
  readonly partitions: number
  /** Age of the oldest event, in milliseconds; null when there is none. */
  readonly oldestAgeMs: number | null
}

interface LogMetricsDeps<Holder extends string> {
  /** As it was last looked at. */
  readonly read: () => LogGauges
  readonly holders: readonly Holder[]
  /** Who keeps the log longer than it is to be kept; null when nobody does. */
  readonly holder: () => Holder | null
}

/** How much of the log there is, and who keeps it. */
export function observeLog<Holder extends string>(
  registry: MetricRegistry,
  { read, holders, holder }: LogMetricsDeps<Holder>
): void {
  registry.observe({ name: 'social_log_partitions', help: 'Partitions of the log of events' }, () => read().partitions)
  registry.observe(
    { name: 'social_log_oldest_age_seconds', help: 'Age of the oldest event in the log' },
    () => (read().oldestAgeMs ?? 0) / 1000
  )
  registry.observeEach(
    {
      name: 'social_log_held',
      help: 'Whether the log is kept longer than LOG_RETENTION, by who needs it',
      label: 'by'
    },
    () => Object.fromEntries(holders.map(each => [each, Number(each === holder())])) as Record<Holder, number>
  )
}
