import { PAIR_ACTIONS, type PairAction } from '../domain/friendship.ts'
import { shared } from '../lib/single-flight.ts'
import type { MetricRegistry } from './metric-registry.ts'

/**
 * How a try to bring an event to the homeserver, or to another system, can end.
 * - `done`: it is there
 * - `retried`: it failed and will be tried again
 * - `parked`: it failed for good, or too often, and waits for an operator
 * - `away`: the system did not answer anybody, or asked to be left alone; it does not count against the event
 * - `interrupted`: the service stops, or the lease was nearly over
 */
export const OUTCOMES = ['done', 'retried', 'parked', 'away', 'interrupted'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What waits to be brought there. */
export interface OutboxGauges {
  readonly depth: number
  readonly parked: number
  /** Unix milliseconds; null when nothing waits. */
  readonly oldestAt: number | null
}

const PREFIX = 'dcl_social_service_matrix_outbox_'
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

interface OutboxMetricsDeps {
  /** Read when metrics are collected. */
  readonly stats: () => Promise<OutboxGauges>
  readonly isPaused: () => boolean
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Counts what the outbox does. */
export function outboxMetrics(registry: MetricRegistry, { stats, isPaused, now }: OutboxMetricsDeps) {
  const attempts = registry.counter({
    name: `${PREFIX}attempts_total`,
    help: 'Tries to bring an event to the homeserver, by how they ended',
    labels: { outcome: OUTCOMES }
  })
  const durations = registry.histogram({
    name: `${PREFIX}duration_seconds`,
    help: 'Time of the calls by which the homeserver was made to follow an event',
    labels: { action: PAIR_ACTIONS },
    buckets: SECONDS
  })
  // Collected at the same moment, they take one look at the database together.
  const sharedStats = shared(() => stats().catch(() => null))
  const observe = (name: string, help: string, read: (stats: OutboxGauges) => number): void =>
    registry.observe({ name: PREFIX + name, help }, async () => {
      const counted = await sharedStats()
      return counted && read(counted)
    })
  observe('depth', 'Events that the homeserver does not have yet', ({ depth }) => depth)
  observe('parked', 'Events that wait for an operator', ({ parked }) => parked)
  observe('oldest_age_seconds', 'Age of the oldest event that the homeserver does not have yet', ({ oldestAt }) =>
    ageInSeconds(oldestAt, now())
  )
  registry.observe(
    { name: `${PREFIX}paused`, help: 'Whether this instance leaves the homeserver alone because it is away' },
    () => Number(isPaused())
  )
  return {
    attempted: (outcome: Outcome): void => attempts.inc({ outcome }),
    followed: (action: PairAction, seconds: number): void => durations.observe({ action }, seconds)
  }
}

/** @param at unix milliseconds; null of nothing, which is not old */
export function ageInSeconds(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, (now - at) / 1000)
}
