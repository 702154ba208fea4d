import type { ClusterJob, Line } from './job.ts'
import { presence } from './presence.ts'
import { pushes } from './pushes.ts'
import { returnsWithLogins, returnsWithTokens } from './returns.ts'
import { updateSockets } from './sockets.ts'

/** Everything that can be measured with two instances. */
export const WORKLOADS = {
  push: pushes,
  return: returnsWithTokens,
  'return-login': returnsWithLogins,
  sockets: updateSockets,
  presence
} satisfies Record<string, (job: ClusterJob) => Promise<Line[]>>

export type WorkloadName = keyof typeof WORKLOADS
