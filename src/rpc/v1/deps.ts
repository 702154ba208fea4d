import type { Admission } from '../../admission/admission.ts'
import type { UserLimits } from '../../admission/user-limits.ts'
import type { PairAction } from '../../domain/friendship.ts'
import type { Friendships } from '../../friendships/friendships.ts'
import type { FriendLocations } from '../../presence/friend-locations.ts'
import type { OnlineUsers } from '../../presence/local-presence.ts'
import type { Locations } from '../../presence/locations.ts'
import type { Authenticator } from '../../sessions/authenticator.ts'
import type { Updates } from '../../updates/updates.ts'
import type { ErrorReporter } from '../engine/service.ts'
import type { PageSize } from './users-encoder.ts'

export interface V1Deps {
  readonly friends: Friendships
  readonly online: OnlineUsers
  readonly locations: Locations
  readonly friendLocations: FriendLocations
  readonly sessions: Authenticator
  readonly admission: Admission
  readonly updates: Updates
  readonly limits: UserLimits
  /** For so long a stream waits for a database that is away, in milliseconds. */
  readonly startTimeoutMs: number
  /** What an element of a stream holds of a list of users. */
  readonly streamPage: PageSize
  /** Users, or requests each way, of one answer. */
  readonly maxListSize: number
  /** Bytes of one answer. */
  readonly maxAnswerBytes: number
  readonly report: ErrorReporter
  /** Called with every update that is handed to a client. */
  readonly updateSent: (action: PairAction) => void
}
