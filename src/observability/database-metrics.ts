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
