import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'

/** Files of the program, connections to other services, HTTP connections, and sockets that are being refused. */
const RESERVE = 1_024

/** A sentence when this process may open fewer files than its settings promise connections; null when it may not, or nobody knows. */
export function descriptorWarning({ rpc, proxy, matrix, database }: Config): string | null {
  const limit = descriptorLimit()
  // A request to the homeserver has a connection on either side.
  const proxied = matrix ? 2 * proxy.maxRequests : 0
  const needed = rpc.maxConnections + proxied + database.poolSize + RESERVE
  if (limit === null || limit >= needed) return null
  return `This process may open ${limit} files, but its limits of connections add up to ${needed}: raise "ulimit -n", or lower MAX_CONNECTIONS${matrix ? ' or MATRIX_MAX_REQUESTS' : ''}`
}

/** As Linux has it; Node has no other way to it. */
function descriptorLimit(): number | null {
  try {
    const line = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return line ? Number(line[1]) : null
  } catch {
    return null
  }
}
