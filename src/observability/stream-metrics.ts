import { PAIR_ACTIONS, type PairAction } from '../domain/friendship.ts'
import type { MetricRegistry } from './metric-registry.ts'

const PREFIX = 'dcl_social_service_rpc_'

interface StreamMetricsOptions {
  /** How an update stream can begin. */
  readonly resumeOutcomes: readonly string[]
}

/** Counts what subscribers are sent. */
export function streamMetrics(registry: MetricRegistry, { resumeOutcomes }: StreamMetricsOptions) {
  const updates = registry.counter({
    name: `${PREFIX}updates_sent_on_subscription_total`,
    help: 'Updates sent to subscribers',
    labels: { event: PAIR_ACTIONS }
  })
  const begun = registry.counter({
    name: `${PREFIX}streams_begun_total`,
    help: 'Update streams by how they began: fresh, resumed where the device left off, or too late for that',
    labels: { beginning: resumeOutcomes }
  })
  return {
    updateSent: (event: PairAction): void => updates.inc({ event }),
    streamBegun: (outcome: string): void => begun.inc({ beginning: outcome })
  }
}

/** What can be subscribed to; `updates` are of friendships and of blocks. */
type StreamKind = 'updates' | 'connectivity' | 'positions'

/** @param read how many streams of each kind are open */
export function observeStreams(registry: MetricRegistry, read: () => Readonly<Record<StreamKind, number>>): void {
  registry.observeEach(
    { name: 'social_streams_open', help: 'Streams that are open on this instance', label: 'kind' },
    read
  )
}
