import type { MetricRegistry } from './metric-registry.ts'

/** Connections to the database at a moment. */
interface Connections {
  readonly used: number
  readonly idle: number
  readonly max: number
  /** Callers that wait for one. */
  readonly waiting: number
}

export function observeDatabase(registry: MetricRegistry, read: () => Connections): void {
  registry.observeEach(
    {
      name: 'social_database_connections',
      help: 'Connections to the database, by whether something runs on them',
      label: 'state'
    },
    () => {
      const { used, idle } = read()
      return { used, idle }
    }
  )
  registry.observe(
    { name: 'social_database_connections_max', help: 'Connections to the database that there may be' },
    () => read().max
  )
  registry.observe(
    { name: 'social_database_waiting', help: 'Callers that wait for a connection to the database' },
    () => read().waiting
  )
}

/** Read replicas at a moment. */
interface Replicas {
  readonly counts: { readonly used: number; readonly unused: number }
  readonly ageMs: number | null
}

export function observeReplicas(registry: MetricRegistry, read: () => Replicas): void {
  registry.observeEach(
    { name: 'social_replicas', help: 'Read replicas, by whether lists are read from them', label: 'state' },
    () => read().counts
  )
  registry.observe(
    { name: 'social_replica_age_seconds', help: 'How old what the worst read replica shows is at most' },
    () => {
      const { ageMs } = read()
      return ageMs === null ? null : ageMs / 1000
    }
  )
}

/** Counts lists by where they were read, and why the primary if there it was. */
export function listMetrics<Source extends string>(registry: MetricRegistry, sources: readonly Source[]) {
  const reads = registry.counter({
    name: 'social_list_reads_total',
    help: 'Lists that may be read from a replica, by where they were read',
    labels: { from: sources }
  })
  return { read: (from: Source): void => reads.inc({ from }) }
}
