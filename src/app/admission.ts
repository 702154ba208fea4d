import { Admission, BUDGETS } from '../admission/admission.ts'
import { type UserLimit, UserLimits } from '../admission/user-limits.ts'
import type { Config } from '../config/config.ts'
import { admissionMetrics } from '../observability/admission-metrics.ts'
import type { Metrics } from '../observability/metrics.ts'

/** Of a port, beyond what it serves: for health checks, and for clients that are told that there is no room. */
const SPARE_CONNECTIONS = 256
/** Of these one address may have a part alone, so that a health check of another one finds room. */
const SPARE_CONNECTIONS_PER_IP = 64

/** What one user may have and do, on both ports. */
export function createUserLimits({ rpc, http }: Config, onReached: (limit: UserLimit) => void): UserLimits {
  const options = {
    connections: rpc.maxConnectionsPerUser,
    callsPerSecond: rpc.callsPerSecond,
    requests: http.maxRequestsPerUser
  }
  return new UserLimits(options, onReached)
}

interface AdmissionDeps {
  readonly config: Config
  readonly metrics: Metrics
}

/** The budgets of addresses, which both ports share. */
export function createAdmission({ config, metrics }: AdmissionDeps): Admission {
  const { trustedProxies, admission, http, rpc, isOnePort } = config
  // Sockets are connections of the HTTP port too, when there is one port for both.
  const sockets = isOnePort ? { all: rpc.maxConnections, ofIp: rpc.maxConnectionsPerIp } : { all: 0, ofIp: 0 }
  return new Admission(
    {
      trustedProxies,
      ...admission,
      httpConnections: connections(http.maxConnections + sockets.all, http.maxConnectionsPerIp + sockets.ofIp),
      rpcConnections: connections(rpc.maxConnections, rpc.maxConnectionsPerIp)
    },
    admissionMetrics(metrics.registry, BUDGETS).refused
  )
}

function connections(total: number, perIp: number) {
  return { total: total + SPARE_CONNECTIONS, perKey: Math.min(total, perIp) + SPARE_CONNECTIONS_PER_IP }
}
