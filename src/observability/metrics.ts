import { httpMetrics } from './http-metrics.ts'
import { MetricRegistry } from './metric-registry.ts'
import { rpcMetrics } from './rpc-metrics.ts'
import { streamMetrics } from './stream-metrics.ts'

interface MetricsOptions {
  /** Every procedure of the RPC server. */
  readonly procedures: readonly string[]
  /** How an RPC socket can end. */
  readonly socketEnds: readonly string[]
  /** How an update stream can begin. */
  readonly resumeOutcomes: readonly string[]
}

/**
 * The metrics of one app: what every app counts, and the registry where each other part has its own. What is counted
 * is in a file for each capability; whatever those read they are given as functions.
 */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics({ procedures, socketEnds, resumeOutcomes }: MetricsOptions) {
  const registry = new MetricRegistry()
  return {
    registry,
    rpc: rpcMetrics(registry, { procedures, socketEnds }),
    http: httpMetrics(registry),
    streams: streamMetrics(registry, { resumeOutcomes })
  }
}
