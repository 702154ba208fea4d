import type { Job, Measurement, WorkloadName } from '../job.ts'
import { idleSockets } from './idle-sockets.ts'
import * as raw from './raw.ts'
import * as rest from './rest.ts'
import * as v1 from './v1.ts'
import * as v2 from './v2.ts'

/** How each of them is measured. */
export const WORKLOADS: Record<WorkloadName, (job: Job) => Promise<Measurement>> = {
  'v1-updates': v1.updates,
  'v1-friends': v1.friends,
  'v1-popular-friends': v1.popularFriends,
  'v1-mutual-friends': v1.mutualFriends,
  'v1-popular-mutual-friends': v1.popularMutualFriends,
  'v1-arrivals': v1.arrivals,
  'idle-sockets': idleSockets,
  'rest-friends': rest.friends,
  'service-friends': rest.friendsOfAnybody,
  'rest-logins': rest.logins,
  'v2-handshakes': v2.handshakes,
  'v2-friends': v2.friends,
  'v2-updates': v2.updates,
  'v2-pushes': v2.pushes,
  'raw-updates': raw.updates,
  'raw-friends': raw.friends,
  'raw-mutual-friends': raw.mutualFriends,
  'raw-logins': raw.logins,
  'raw-token-checks': raw.tokenChecks,
  'raw-resumes': raw.resumes
}
