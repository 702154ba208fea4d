import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { PAIR_ACTIONS, type PairAction } from '../domain/friendship.ts'

/**
 * How a try to bring an event to the homeserver can end.
 * - `done`: the homeserver has it
 * - `retried`: it failed and will be tried again
 * - `parked`: it failed for good, or too often, and waits for an operator
 * - `away`: the homeserver did not answer anybody, or asked to be left alone; it does not count against the event
 * - `interrupted`: the service stops, or the lease was nearly over
 */
const OUTCOMES = ['done', 'retried', 'parked', 'away', 'interrupted'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What waits for the homeserver. */
interface OutboxStats {
  readonly depth: number
  readonly parked: number
  /** Unix milliseconds; null when nothing waits. */
  readonly oldestAt: number | null
}

const PREFIX = 'dcl_social_service_matrix_outbox_'
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

interface OutboxMetricsDeps {
  readonly registry: Registry
  /** Asked when metrics are collected. */
  readonly stats: () => Promise<OutboxStats>
  readonly isPaused: () => boolean
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Counts what the outbox does. */
export class OutboxMetrics {
  readonly #attempts: Counter<'outcome'>
  readonly #seconds: Histogram<'action'>

  constructor({ registry, stats, isPaused, now }: OutboxMetricsDeps) {
    const registers = [registry]
    this.#attempts = new Counter({
      name: `${PREFIX}attempts_total`,
      help: 'Tries to bring an event to the homeserver, by how they ended',
      labelNames: ['outcome'],
      registers
    })
    this.#seconds = new Histogram({
      name: `${PREFIX}duration_seconds`,
      help: 'Time of the calls by which the homeserver was made to follow an event',
      labelNames: ['action'],
      buckets: SECONDS,
      registers
    })
    for (const outcome of OUTCOMES) this.#attempts.inc({ outcome }, 0)
    for (const action of PAIR_ACTIONS) this.#seconds.zero({ action })

    // Collected at the same moment, they take one look at the database together.
    let looking: Promise<OutboxStats | null> | null = null
    const look = (): Promise<OutboxStats | null> => {
      looking ??= stats()
        .catch(() => null)
        .finally(() => {
          looking = null
        })
      return looking
    }
    const gauge = (name: string, help: string, read: (stats: OutboxStats) => number) =>
      new Gauge({
        name: PREFIX + name,
        help,
        registers,
        async collect() {
          const counted = await look()
          // A number that cannot be had is left out rather than wrong.
          if (counted) this.set(read(counted))
          else this.remove()
        }
      })
    gauge('depth', 'Events that the homeserver does not have yet', ({ depth }) => depth)
    gauge('parked', 'Events that wait for an operator', stats => stats.parked)
    gauge('oldest_age_seconds', 'Age of the oldest event that the homeserver does not have yet', ({ oldestAt }) =>
      oldestAt === null ? 0 : Math.max(0, (now() - oldestAt) / 1000)
    )
    new Gauge({
      name: `${PREFIX}paused`,
      help: 'Whether this instance leaves the homeserver alone because it is away',
      registers,
      collect() {
        this.set(Number(isPaused()))
      }
    })
  }

  attempted(outcome: Outcome): void {
    this.#attempts.inc({ outcome })
  }

  followed(action: PairAction, seconds: number): void {
    this.#seconds.observe({ action }, seconds)
  }
}
