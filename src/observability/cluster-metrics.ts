import type { MetricRegistry } from './metric-registry.ts'

interface RedisState {
  /** Whether messages flow. */
  readonly isConnected: () => boolean
  /** Users to whom this instance listens. */
  readonly users: () => number
}

export function observeRedis(registry: MetricRegistry, { isConnected, users }: RedisState): void {
  registry.observe(
    { name: 'social_redis_connected', help: '1 while messages flow to and from Redis, 0 while it is away' },
    () => Number(isConnected())
  )
  registry.observe(
    { name: 'social_redis_users', help: 'Users whose messages of other instances this one has Redis send it' },
    users
  )
}

/** Counts events that concern somebody here, by what brought them. */
export function deliveryMetrics<By extends string>(registry: MetricRegistry, by: readonly By[]) {
  const events = registry.counter({
    name: 'social_events_brought_total',
    help: 'Events of pairs that concerned somebody on this instance, by what brought them first',
    labels: { by }
  })
  return { brought: (by: By): void => events.inc({ by }) }
}

interface Limits {
  /** Of what is done over time, which instances count together. */
  readonly rates: readonly string[]
  readonly others: readonly string[]
}

/** Counts uses of limits. */
export function limitMetrics(registry: MetricRegistry, { rates, others }: Limits) {
  const local = registry.counter({
    name: 'social_limits_local_total',
    help: 'Uses of a shared limit that one instance counted for itself because Redis did not answer',
    labels: { limit: rates }
  })
  const reached = registry.counter({
    name: 'social_limits_reached_total',
    help: 'What was refused because a user, a pair or an address had reached a limit',
    labels: { limit: [...rates, ...others] }
  })
  return {
    countedLocally: (limit: string): void => local.inc({ limit }),
    reached: (limit: string): void => reached.inc({ limit })
  }
}

/** Counts messages between instances about who is online where. */
export function presenceMetrics(registry: MetricRegistry) {
  const messages = registry.counter({
    name: 'social_presence_messages_total',
    help: 'Messages between instances about who is online where',
    labels: { direction: ['sent', 'received'] }
  })
  return { message: (direction: 'sent' | 'received'): void => messages.inc({ direction }) }
}

/** Who is online, as far as this instance knows. */
interface PresenceCounts {
  /** Users who are online on this instance. */
  readonly instance: () => number
  /** Users who are online on any. */
  readonly all: () => number
  /** Instances that are alive, this one included. */
  readonly instances: () => number
}

export function observePresence(registry: MetricRegistry, { instance, all, instances }: PresenceCounts): void {
  registry.observeEach(
    {
      name: 'social_users_online',
      help: 'Users who are online, on this instance and on all that it knows of',
      label: 'on'
    },
    () => ({ instance: instance(), all: all() })
  )
  registry.observe(
    { name: 'social_instances', help: 'Instances that this one knows to be alive, itself included' },
    instances
  )
}
