import { visibleAction } from '../../domain/block-view.ts'
import type { PairEvent } from '../../domain/events.ts'
import type { Page } from '../../domain/page.ts'
import { Boundary } from '../boundary.ts'
import type { Procedure, Service } from '../engine/service.ts'
import { actionOf, addressOf } from '../fields.ts'
import type {
  RequestEventsResponse,
  SubscribeFriendshipEventsUpdatesResponse,
  UpdateFriendshipResponse
} from '../generated/social-service-v1.ts'
import { takePlace } from '../newest-stream.ts'
import { authenticate, authenticateSubscriber, type V1Context } from './caller.ts'
import {
  encodeEvent,
  encodeRequests,
  errorCase,
  errorCaseWithoutBadRequest,
  LIST_METHODS,
  V1_METHODS
} from './codec.ts'
import type { V1Deps } from './deps.ts'
import { presenceProcedures } from './presence-procedures.ts'
import { encodePages } from './users-encoder.ts'

/** `FriendshipsService` of protocol v1 (ADR-189): every call carries its access token (ADR-203). */
export function friendshipsService(deps: V1Deps): Service<V1Context> {
  const { friends, updates, streamPage, maxAnswerBytes } = deps
  const boundary = new Boundary<V1Context>(deps.report)
  const wholeList: Page = { limit: deps.maxListSize, offset: 0 }

  const respondUpdate = (event: PairEvent): SubscribeFriendshipEventsUpdatesResponse => {
    deps.updateSent(event.action)
    return { response: { $case: 'events', events: { responses: [encodeEvent(event, event.actor)] } } }
  }

  const procedures: Procedure<V1Context>[] = [
    boundary.stream({
      method: LIST_METHODS.getFriends,
      refuse: errorCase,
      handle: async function* (payload, call) {
        const { address } = await authenticate(deps, payload, call)
        yield* encodePages((await friends.list(address, address, wholeList)).items, streamPage)
      }
    }),

    boundary.stream({
      method: LIST_METHODS.getMutualFriends,
      refuse: errorCase,
      handle: async function* ({ user, authToken }, call) {
        const { address } = await authenticate(deps, authToken, call)
        yield* encodePages((await friends.mutual(address, addressOf(user), wholeList)).items, streamPage)
      }
    }),

    boundary.unary({
      method: V1_METHODS.getRequestEvents,
      refuse: errorCaseWithoutBadRequest,
      handle: async (payload, call): Promise<RequestEventsResponse> => {
        const { address } = await authenticate(deps, payload, call)
        const [incoming, outgoing] = await Promise.all([
          friends.requests(address, 'incoming', wholeList),
          friends.requests(address, 'outgoing', wholeList)
        ])
        return encodeRequests(incoming, outgoing, maxAnswerBytes)
      }
    }),

    boundary.unary({
      method: V1_METHODS.updateFriendshipEvent,
      refuse: errorCase,
      handle: async ({ event: wanted, authToken }, call): Promise<UpdateFriendshipResponse> => {
        const { address: actor } = await authenticate(deps, authToken, call)
        const intent = { actor, ...actionOf(wanted?.body) }
        const event = await friends.act(intent)
        return { response: { $case: 'event', event: encodeEvent(event, intent.target) } }
      }
    }),

    boundary.subscription({
      method: V1_METHODS.subscribeFriendshipEventsUpdates,
      refuse: errorCaseWithoutBadRequest,
      handle: async (payload, call) => {
        const subscriber = await authenticateSubscriber(deps, payload, call)
        const device = { ...subscriber, deviceKey: `v1:${subscriber.tokenHash}`, isRelevant: isVisible }
        const events = await takePlace(call, subscriber.tokenHash, older => updates.open(device, older))
        return { events, respond: respondUpdate }
      }
    }),

    ...presenceProcedures(deps, boundary)
  ]

  return { name: 'FriendshipsService', procedures }
}

function isVisible(event: PairEvent): boolean {
  return visibleAction(event) !== null
}
