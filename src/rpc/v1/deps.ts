import type { UsersResponse } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import type { Address } from '../../domain/address.ts'
import type { PairAction } from '../../domain/friendship.ts'
import type { Friendships } from '../../friendships/friendships.ts'
import type { FriendLocations } from '../../presence/friend-locations.ts'
import type { Authenticator, SessionHolder } from '../../sessions/authenticator.ts'
import type { Updates } from '../../updates/updates.ts'
import type { Boundary } from '../boundary.ts'
import { CLOSE } from '../engine/close-codes.ts'
import type { Call, ErrorReporter } from '../engine/service.ts'
import type { SocketUsers } from '../socket-users.ts'
import type { UserLimits } from '../user-limits.ts'
import { encodeUsers, tokenOf } from './codec.ts'

/** Its calls tell who is at the other end of a v1 socket. */
export interface V1Context {
  readonly users: SocketUsers
}

export type V1Boundary = Boundary<V1Context>

export interface V1Deps {
  readonly friends: Friendships
  readonly friendPresence: FriendLocations
  readonly sessions: Authenticator
  readonly updates: Updates
  readonly limits: UserLimits
  /** Users in one element of a stream. */
  readonly streamPageSize: number
  /** Users, or requests each way, of one answer. */
  readonly maxListSize: number
  readonly report: ErrorReporter
  /** Told of every update that is handed to a client. */
  readonly updateSent: (action: PairAction) => void
}

/** The session of a call, by the access token that it carries. @throws SocialError `unauthorized`, `too_many_requests` */
export async function authenticate(
  { sessions, limits }: V1Deps,
  token: Parameters<typeof tokenOf>[0],
  call: Call<V1Context>
): Promise<SessionHolder> {
  const session = await sessions.authenticate(tokenOf(token))
  showUser(session, call)
  limits.call(session.address)
  return session
}

/** @throws SocialError `too_many_requests`; the socket is closed then, unless it serves another user */
function showUser({ address, tokenHash }: SessionHolder, call: Call<V1Context>): void {
  const { users } = call.connection.context
  try {
    users.add(address, tokenHash)
  } catch (error) {
    if (users.isEmpty) call.closeAfter = CLOSE.userFull
    throw error
  }
  call.connection.authenticated()
}

/** A list of users, page by page. */
export function* pages({ streamPageSize }: V1Deps, users: readonly Address[]): Generator<UsersResponse> {
  for (let at = 0; at < users.length; at += streamPageSize) {
    yield encodeUsers(users.slice(at, at + streamPageSize))
  }
}
