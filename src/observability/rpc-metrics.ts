import type { ErrorCode } from '../domain/errors.ts'
import type { MetricRegistry } from './metric-registry.ts'

interface RpcMetricsOptions {
  /** Every procedure that there is; calls of others are counted as `other`. */
  readonly procedures: readonly string[]
  /** How a socket can end. */
  readonly socketEnds: readonly string[]
}

/** A call that is over. */
interface EndedCall {
  readonly procedure: string
  readonly code: 'ok' | 'canceled' | ErrorCode
  readonly durationMs: number
  readonly bytesIn: number
  /** Of a stream those of all its elements. */
  readonly bytesOut: number
}

/** How the end of a call is called in the metrics: the names of the first implementation, whose dashboards stay. */
const METRIC_CODE: Record<EndedCall['code'], string> = {
  ok: 'OK',
  canceled: 'OK', // a client that has had enough of a stream has had what it wanted
  invalid_request: 'BAD_REQUEST_ERROR',
  invalid_transition: 'BAD_REQUEST_ERROR',
  not_found: 'BAD_REQUEST_ERROR',
  unauthorized: 'UNAUTHORIZED_ERROR',
  forbidden: 'FORBIDDEN_ERROR',
  too_many_requests: 'TOO_MANY_REQUESTS_ERROR',
  conflict: 'INTERNAL_SERVER_ERROR',
  unavailable: 'INTERNAL_SERVER_ERROR',
  internal: 'INTERNAL_SERVER_ERROR'
}
const CODES = [...new Set(Object.values(METRIC_CODE))]

const PREFIX = 'dcl_social_service_rpc_'
const OTHER = 'other'

// The bounds that the first implementation had, and finer ones below.
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const CONNECTION_SECONDS = [1, 10, 60, 300, 900, 1800, 3600, 10_800, 43_200, 86_400]
const CALL_BYTES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144]

/** Counts what the RPC server does. */
export function rpcMetrics(registry: MetricRegistry, options: RpcMetricsOptions) {
  const known = new Set(options.procedures)
  const procedures = [...options.procedures, OTHER]
  const calls = registry.counter({
    name: `${PREFIX}procedure_call_total`,
    help: 'RPC calls that are over, by how they ended',
    labels: { code: CODES, procedure: procedures }
  })
  const callSeconds = registry.histogram({
    name: `${PREFIX}procedure_call_duration_seconds_histogram`,
    help: 'Time from an RPC call to its answer, or to the end of its stream',
    labels: { code: CODES, procedure: procedures },
    buckets: CALL_SECONDS
  })
  const bytesReceived = registry.histogram({
    name: `${PREFIX}in_procedure_call_size_bytes_histogram`,
    help: 'Size of the payload of an RPC call',
    labels: { procedure: procedures },
    buckets: CALL_BYTES
  })
  const bytesSent = registry.histogram({
    name: `${PREFIX}out_procedure_call_size_bytes_histogram`,
    help: 'Size of the answer to an RPC call, or of all elements of its stream',
    labels: { code: CODES, procedure: procedures },
    buckets: CALL_BYTES
  })
  const connections = registry.gauge({
    name: `${PREFIX}connected_clients_total`,
    help: 'RPC sockets that are open'
  })
  const connectionSeconds = registry.histogram({
    name: `${PREFIX}connection_duration_seconds_histogram`,
    help: 'Time for which an RPC socket was open',
    labels: {},
    buckets: CONNECTION_SECONDS
  })
  const socketsClosed = registry.counter({
    name: `${PREFIX}sockets_closed_total`,
    help: 'RPC sockets that are gone, by the code with which they were closed here, by their client, or lost',
    labels: { code: options.socketEnds }
  })
  return {
    callEnded(call: EndedCall): void {
      const procedure = known.has(call.procedure) ? call.procedure : OTHER
      const labels = { code: METRIC_CODE[call.code], procedure }
      calls.inc(labels)
      callSeconds.observe(labels, call.durationMs / 1000)
      bytesReceived.observe({ procedure }, call.bytesIn)
      bytesSent.observe(labels, call.bytesOut)
    },
    connectionOpened(): void {
      connections.inc()
    },
    connectionClosed(durationMs: number): void {
      connections.dec()
      connectionSeconds.observe(durationMs / 1000)
    },
    /** Of every socket, also of one that was never counted as a connection. */
    socketEnded(end: number | string): void {
      socketsClosed.inc({ code: String(end) })
    }
  }
}
