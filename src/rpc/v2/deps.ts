import type { Address } from '../../domain/address.ts'
import type { PairAction } from '../../domain/friendship.ts'
import type { Blocks } from '../../friendships/blocks.ts'
import type { Friendships } from '../../friendships/friendships.ts'
import type { Settings } from '../../friendships/settings.ts'
import type { Connectivity } from '../../presence/connectivity.ts'
import { type Profile, unknownProfile } from '../../profiles/profile.ts'
import type { Profiles } from '../../profiles/profiles.ts'
import type { Updates } from '../../updates/updates.ts'
import type { Boundary } from '../boundary.ts'
import type { Call, ErrorReporter } from '../engine/service.ts'
import type { UserLimits } from '../user-limits.ts'

/** Who is at the other end of a v2 socket: the handshake told. */
export interface V2Context {
  readonly address: Address
  /** Whose key signed it: the device's own. */
  readonly signer: Address
}

export type V2Boundary = Boundary<V2Context>

export interface V2Deps {
  readonly friends: Friendships
  readonly blocks: Blocks
  readonly settings: Settings
  readonly connectivity: Connectivity
  readonly profiles: Profiles
  readonly updates: Updates
  readonly limits: UserLimits
  readonly report: ErrorReporter
  /** Told of every update that is handed to a client. */
  readonly updateSent: (action: PairAction) => void
}

export function caller(call: Call<V2Context>): Address {
  return call.connection.context.address
}

/** Looks users up together. @returns the profile of each of them, or what is shown of one whose profile is not known */
export async function lookUp(profiles: Profiles, users: readonly Address[]): Promise<(user: Address) => Profile> {
  const found = await profiles.of(users)
  return user => found.get(user) ?? unknownProfile(user)
}
