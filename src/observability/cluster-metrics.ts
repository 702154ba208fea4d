import type { MetricRegistry } from './metric-registry.ts'

/** @param isConnected whether messages flow */
export function observeRedis(registry: MetricRegistry, isConnected: () => boolean): void {
  registry.observe(
    { name: 'social_redis_connected', help: '1 while messages flow to and from Redis, 0 while it is away' },
    () => Number(isConnected())
  )
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
