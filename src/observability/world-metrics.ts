import type { MetricRegistry } from './metric-registry.ts'

interface WorldLabels {
  /** What the peers say of a user. */
  readonly events: readonly string[]
  /** Why some of it is not taken. */
  readonly reasons: readonly string[]
}

/** Counts what the peers of the world say over NATS. */
export function worldMetrics(registry: MetricRegistry, { events, reasons }: WorldLabels) {
  const taken = registry.counter({
    name: 'social_world_events_total',
    help: 'What the peers of the world said of users over NATS',
    labels: { event: events }
  })
  const ignored = registry.counter({
    name: 'social_world_events_ignored_total',
    help: 'Messages of the world that were not taken',
    labels: { reason: reasons }
  })
  return {
    taken: (event: string): void => taken.inc({ event }),
    ignored: (reason: string): void => ignored.inc({ reason })
  }
}

interface WorldCounts {
  /** Whether messages of NATS flow. */
  readonly isConnected: () => boolean
  /** Users who are online by a socket, on any instance. */
  readonly bySockets: () => number
  /** Users who are in the world. */
  readonly byNats: () => number
}

export function observeWorld(registry: MetricRegistry, { isConnected, bySockets, byNats }: WorldCounts): void {
  registry.observe({ name: 'social_nats_connected', help: '1 while messages of NATS flow, 0 while it is away' }, () =>
    Number(isConnected())
  )
  registry.observeEach(
    { name: 'social_users_online_by_source', help: 'Users who are online, by what makes them so', label: 'source' },
    () => ({ sockets: bySockets(), nats: byNats() })
  )
}
