import type { Metrics } from '../observability/metrics.ts'
import { CLOSE_CODES } from './engine/close-codes.ts'
import type { CallCode, RpcObserver, SocketEnd } from './engine/service.ts'

/** How the end of a call is called in the metrics: the names of the first implementation, whose dashboards stay. */
const METRIC_CODE: Record<CallCode, string> = {
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

/** Every code that a call is counted under. */
export const METRIC_CODES: readonly string[] = [...new Set(Object.values(METRIC_CODE))]

/** Every end that a socket is counted under. */
export const SOCKET_ENDS: readonly string[] = [
  ...CLOSE_CODES.map(String),
  ...(['client', 'lost'] satisfies SocketEnd[])
]

/** Counts what the RPC server does. */
export function countingObserver(metrics: Metrics): RpcObserver {
  return {
    connectionOpened: () => metrics.connectionOpened(),
    connectionClosed: durationMs => metrics.connectionEnded(durationMs / 1000),
    socketEnded: end => metrics.socketEnded(String(end)),
    call: (procedure, code, durationMs, bytesIn, bytesOut) =>
      metrics.callEnded(procedure, METRIC_CODE[code], durationMs / 1000, bytesIn, bytesOut)
  }
}
