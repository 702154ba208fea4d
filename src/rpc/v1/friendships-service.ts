import type {
  RequestEventsResponse,
  SubscribeFriendshipEventsUpdatesResponse,
  UpdateFriendshipResponse,
  UsersResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import type { Page } from '../../domain/page.ts'
import { Boundary } from '../boundary.ts'
import { type Procedure, progressOf, type Service } from '../engine/service.ts'
import { actionOf, addressOf } from '../fields.ts'
import { encodeEvent, encodeRequests, errorCase, errorCaseWithoutBadRequest, isTold, METHODS } from './codec.ts'
import { authenticate, pages, type V1Context, type V1Deps } from './deps.ts'
import { presenceProcedures } from './presence.ts'

export type { V1Context }

/** `FriendshipsService` of protocol v1 (ADR-189): every call carries its access token (ADR-203). */
export function friendshipsService(deps: V1Deps): Service<V1Context> {
  const { friends, updates } = deps
  const boundary = new Boundary<V1Context>(deps.report)
  const wholeList: Page = { limit: deps.maxListSize, offset: 0 }

  const procedures: Procedure<V1Context>[] = [
    boundary.stream({
      method: METHODS.getFriends,
      refuse: errorCase,
      handle: async function* (payload, call): AsyncGenerator<UsersResponse> {
        const { address } = await authenticate(deps, payload, call)
        yield* pages(deps, (await friends.list(address, address, wholeList)).items)
      }
    }),

    boundary.stream({
      method: METHODS.getMutualFriends,
      refuse: errorCase,
      handle: async function* ({ user, authToken }, call): AsyncGenerator<UsersResponse> {
        const { address } = await authenticate(deps, authToken, call)
        yield* pages(deps, (await friends.mutual(address, addressOf(user), wholeList)).items)
      }
    }),

    boundary.unary({
      method: METHODS.getRequestEvents,
      refuse: errorCaseWithoutBadRequest,
      handle: async (payload, call): Promise<RequestEventsResponse> => {
        const { address } = await authenticate(deps, payload, call)
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
        const { address: actor } = await authenticate(deps, authToken, call)
        const intent = { actor, ...actionOf(event?.body) }
        const done = encodeEvent(await friends.act(intent), intent.target)
        return { response: { $case: 'event', event: done } }
      }
    }),

    boundary.stream({
      method: METHODS.subscribeFriendshipEventsUpdates,
      refuse: errorCaseWithoutBadRequest,
      handle: async function* (payload, call): AsyncGenerator<SubscribeFriendshipEventsUpdatesResponse> {
        const session = await authenticate(deps, payload, call)
        const tokenHash = session.tokenHash.toString('hex')
        const { address } = session
        const device = `v1:${tokenHash}`
        const listener = { address, tokenHash, device, concerns: isTold, ...progressOf(call) }
        yield* updates.stream(listener, async update => {
          deps.updateSent(update.action)
          return { response: { $case: 'events', events: { responses: [encodeEvent(update, update.actor)] } } }
        })
      }
    }),

    ...presenceProcedures(deps, boundary)
  ]

  const named = procedures.map(procedure => [procedure.name, procedure] as const)
  return { name: 'FriendshipsService', procedures: new Map(named) }
}
