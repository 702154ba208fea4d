import type { SessionHolder } from '../../sessions/authenticator.ts'
import type { Subscriber } from '../../subscriptions/subscription.ts'
import { whenAvailable } from '../../subscriptions/when-available.ts'
import type { Boundary } from '../boundary.ts'
import { CLOSE } from '../engine/close-codes.ts'
import { acknowledgedOf, type Call } from '../engine/service.ts'
import type { SocketUsers } from '../socket-users.ts'
import { tokenOf } from './codec.ts'
import type { V1Deps } from './deps.ts'

/** What is known of a v1 socket: its calls say who is at the other end. */
export interface V1Context {
  readonly users: SocketUsers
}

export type V1Boundary = Boundary<V1Context>
type TokenField = Parameters<typeof tokenOf>[0]

/** The session of a call, by the access token that it carries. @throws SocialError `unauthorized`, `too_many_requests` */
export async function authenticate(
  { sessions, limits, admission }: V1Deps,
  token: TokenField,
  call: Call<V1Context>
): Promise<SessionHolder> {
  const { context, peer } = call.connection
  const find = async (): Promise<SessionHolder> => sessions.authenticate(tokenOf(token))
  // Who is known already is not refused because of others at the same address.
  const session =
    context.users.isEmpty && !(token?.synapseToken && sessions.isKnown(token.synapseToken))
      ? await admission.authenticate(peer.addressGroup, find)
      : await find().catch(error => {
          admission.countFailure(peer.addressGroup, error)
          throw error
        })
  if (!context.users.has(session.address)) await context.users.makeRoom(session.address)
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

/** Who subscribes by a call; what tells is waited for when it is away. @throws as {@link authenticate} */
export async function authenticateSubscriber(
  deps: V1Deps,
  token: TokenField,
  call: Call<V1Context>
): Promise<Subscriber & { readonly tokenHash: string }> {
  const patience = { timeoutMs: deps.startTimeoutMs, isWanted: () => !call.signal.aborted }
  const { address, tokenHash } = await whenAvailable(() => authenticate(deps, token, call), patience)
  return { address, tokenHash: tokenHash.toString('hex'), signal: call.signal, acknowledged: acknowledgedOf(call) }
}
