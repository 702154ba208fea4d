import type { ClusterJob, Line, TwoInstances } from './job.ts'
import { presence } from './presence.ts'
import { pushes } from './pushes.ts'
import { reconnectWithLogins, reconnectWithTokens } from './reconnections.ts'
import { updateSockets } from './sockets.ts'

/** How each of them is measured. */
export const WORKLOADS: Record<TwoInstances, (job: ClusterJob) => Promise<Line[]>> = {
  push: pushes,
  return: reconnectWithTokens,
  'return-login': reconnectWithLogins,
  sockets: updateSockets,
  presence
}
