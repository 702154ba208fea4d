import type {
  RequestEventsResponse,
  SubscribeFriendshipEventsUpdatesResponse,
  UpdateFriendshipResponse,
  UsersResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import type { Address } from '../domain/address.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { Page } from '../domain/page.ts'
import type { Friends } from '../social/friends.ts'
import type { Session, Sessions } from '../social/sessions.ts'
import type { Updates } from '../social/updates.ts'
import { Boundary } from './boundary.ts'
import { actionOf, addressOf } from './fields.ts'
import { type Call, type ErrorReporter, type Service, underway } from './service.ts'
import type { SocketUsers } from './socket-users.ts'
import type { UserLimits } from './user-limits.ts'
import {
  encodeEvents,
  encodeRequests,
  encodeUsers,
  errorCase,
  errorCaseWithoutBadRequest,
  isTold,
  METHODS,
  tokenOf
} from './v1-codec.ts'

type Token = Parameters<typeof tokenOf>[0]

/** Its calls tell who is at the other end of a v1 socket. */
export interface V1Context {
  readonly users: SocketUsers
}

export interface V1Parts {
  readonly friends: Friends
  readonly sessions: Sessions
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

/** `FriendshipsService` of protocol v1 (ADR-189): every call carries its access token (ADR-203). */
export function friendshipsService(parts: V1Parts): Service<V1Context> {
  const { friends, sessions, updates, streamPageSize } = parts
  const boundary = new Boundary<V1Context>(parts.report)
  const wholeList: Page = { limit: parts.maxListSize, offset: 0 }

  const authenticate = async (token: Token, call: Call<V1Context>): Promise<Session> => {
    const session = await sessions.authenticate(tokenOf(token))
    call.connection.authenticated()
    call.connection.context.users.seen(session.address)
    parts.limits.call(session.address)
    return session
  }

  function* pages(addresses: readonly Address[]): Generator<UsersResponse> {
    for (let at = 0; at < addresses.length; at += streamPageSize) {
      yield encodeUsers(addresses.slice(at, at + streamPageSize))
    }
  }

  const procedures = [
    boundary.stream({
      method: METHODS.getFriends,
      refuse: errorCase,
      handle: async function* (payload, call): AsyncGenerator<UsersResponse> {
        const { address } = await authenticate(payload, call)
        yield* pages((await friends.list(address, address, wholeList)).items)
      }
    }),

    boundary.stream({
      method: METHODS.getMutualFriends,
      refuse: errorCase,
      handle: async function* ({ user, authToken }, call): AsyncGenerator<UsersResponse> {
        const other = addressOf(user)
        const { address } = await authenticate(authToken, call)
        yield* pages((await friends.mutual(address, other, wholeList)).items)
      }
    }),

    boundary.unary({
      method: METHODS.getRequestEvents,
      refuse: errorCaseWithoutBadRequest,
      handle: async (payload, call): Promise<RequestEventsResponse> => {
        const { address } = await authenticate(payload, call)
        const [incoming, outgoing] = await Promise.all([
          friends.requests(address, 'incoming', wholeList),
          friends.requests(address, 'outgoing', wholeList)
        ])
        return encodeRequests(incoming, outgoing)
      }
    }),

    boundary.unary({
      method: METHODS.updateFriendshipEvent,
      refuse: errorCase,
      handle: async ({ event, authToken }, call): Promise<UpdateFriendshipResponse> => {
        const { address: actor } = await authenticate(authToken, call)
        const intent = { actor, ...actionOf(event?.body) }
        const [done] = encodeEvents(await friends.act(intent), intent.target)
        return { response: { $case: 'event', event: done ?? {} } }
      }
    }),

    boundary.stream({
      method: METHODS.subscribeFriendshipEventsUpdates,
      refuse: errorCaseWithoutBadRequest,
      handle: async function* (payload, call): AsyncGenerator<SubscribeFriendshipEventsUpdatesResponse> {
        const session = await authenticate(payload, call)
        const tokenHash = session.tokenHash.toString('hex')
        const { address } = session
        const device = `v1:${tokenHash}`
        const listener = { address, tokenHash, device, concerns: isTold, ...underway(call) }
        yield* updates.stream(listener, async update => {
          parts.updateSent(update.action)
          const responses = encodeEvents(update, update.actor)
          return { response: { $case: 'events', events: { responses } } }
        })
      }
    })
  ]

  const named = procedures.map(procedure => [procedure.name, procedure] as const)
  return { name: 'FriendshipsService', procedures: new Map(named) }
}
