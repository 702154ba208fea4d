import type { UserLimits } from '../../admission/user-limits.ts'
import type { PairAction } from '../../domain/friendship.ts'
import type { Blocks } from '../../friendships/blocks.ts'
import type { Friendships } from '../../friendships/friendships.ts'
import type { Settings } from '../../friendships/settings.ts'
import type { Connectivity } from '../../presence/connectivity.ts'
import type { Profiles } from '../../profiles/profiles.ts'
import type { Updates } from '../../updates/updates.ts'
import type { ErrorReporter } from '../engine/service.ts'

export interface V2Deps {
  readonly friends: Friendships
  readonly blocks: Blocks
  readonly settings: Settings
  readonly connectivity: Connectivity
  readonly profiles: Profiles
  readonly updates: Updates
  readonly limits: UserLimits
  /** Bytes of one answer. */
  readonly maxAnswerBytes: number
  readonly report: ErrorReporter
  /** Called with every update that is handed to a client. */
  readonly updateSent: (action: PairAction) => void
}
