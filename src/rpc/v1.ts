import type {
  RequestEventsResponse,
  SubscribeFriendshipEventsUpdatesResponse,
  UpdateFriendshipResponse,
  UsersResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import type { Address } from '../domain/address.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { Page } from '../domain/page.ts'
import type { Presence } from '../realtime/presence.ts'
import type { Subscriptions } from '../realtime/subscriptions.ts'
import type { Friends } from '../social/friends.ts'
import type { Session, Sessions } from '../social/sessions.ts'
import { Boundary } from './boundary.ts'
import { actionOf, addressOf } from './fields.ts'
import type { Call, ErrorReporter, Service } from './service.ts'
import {
  encodeEvent,
  encodeRequests,
  encodeUsers,
  errorCase,
  errorCaseWithoutBadRequest,
  METHODS,
  tokenOf
} from './v1-codec.ts'

type Token = Parameters<typeof tokenOf>[0]

/** What is known of the user at the other end of a v1 socket: whoever its calls have shown to be there is online. */
export class V1Context {
  readonly #presence: Presence
  readonly #present = new Map<Address, () => void>()

  constructor(presence: Presence) {
    this.#presence = presence
  }

  seen(address: Address): void {
    if (!this.#present.has(address)) this.#present.set(address, this.#presence.connect(address))
  }

  dispose(): void {
    for (const leave of this.#present.values()) leave()
    this.#present.clear()
  }
}

export interface V1Parts {
  readonly friends: Friends
  readonly sessions: Sessions
  readonly subscriptions: Subscriptions
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
  const { friends, sessions, subscriptions, streamPageSize } = parts
  const boundary = new Boundary<V1Context>(parts.report)
  const wholeList: Page = { limit: parts.maxListSize, offset: 0 }

  const authenticate = async (token: Token, call: Call<V1Context>): Promise<Session> => {
    const session = await sessions.authenticate(tokenOf(token))
    call.connection.authenticated()
    call.connection.context.seen(session.address)
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
        const done = encodeEvent(await friends.act(intent), intent.target)
        return { response: { $case: 'event', event: done ?? {} } }
      }
    }),

    boundary.stream({
      method: METHODS.subscribeFriendshipEventsUpdates,
      refuse: errorCaseWithoutBadRequest,
      handle: async function* (payload, call): AsyncGenerator<SubscribeFriendshipEventsUpdatesResponse> {
        const { address, tokenHash } = await authenticate(payload, call)
        const { signal } = call
        const updates = subscriptions.open({ address, tokenHash: tokenHash.toString('hex'), signal })
        for await (const update of updates) {
          const event = encodeEvent(update, update.actor)
          if (!event) continue
          parts.updateSent(update.action)
          yield { response: { $case: 'events', events: { responses: [event] } } }
        }
      }
    })
  ]

  const named = procedures.map(procedure => [procedure.name, procedure] as const)
  return { name: 'FriendshipsService', procedures: new Map(named) }
}
