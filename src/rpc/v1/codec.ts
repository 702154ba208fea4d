import type { Address } from '../../domain/address.ts'
import { visibleAction } from '../../domain/block-view.ts'
import { type ErrorCode, SocialError } from '../../domain/errors.ts'
import type { PairEvent } from '../../domain/events.ts'
import { fittingBoth, type Paged } from '../../domain/page.ts'
import type { PendingRequest } from '../../friendships/friendships.ts'
import type { Method } from '../boundary.ts'
import { userCase } from '../fields.ts'
import {
  type FriendshipEventResponse,
  FriendshipsServiceDefinition,
  type Payload,
  type RequestEventsResponse,
  type Requests,
  type UpdateFriendshipResponse,
  UsersResponse
} from '../generated/social-service-v1.ts'

export const V1_METHODS = FriendshipsServiceDefinition.methods

type ErrorCase = Exclude<NonNullable<UpdateFriendshipResponse['response']>, { $case: 'event' }>
type ErrorName = ErrorCase['$case']

const ERROR_NAME: Record<ErrorCode, ErrorName> = {
  invalid_request: 'badRequestError',
  invalid_transition: 'badRequestError',
  not_found: 'badRequestError',
  unauthorized: 'unauthorizedError',
  forbidden: 'forbiddenError',
  too_many_requests: 'tooManyRequestsError',
  conflict: 'internalServerError',
  unavailable: 'internalServerError',
  internal: 'internalServerError'
}

/** The error case of every response that has a bad-request one. */
export function errorCase({ code, message }: SocialError): { response: ErrorCase } {
  const name = ERROR_NAME[code]
  return { response: { $case: name, [name]: { message } } as ErrorCase }
}

/** The error case of the responses without a bad-request one: a request of theirs holds nothing but the token. */
export function errorCaseWithoutBadRequest(error: SocialError): {
  response: Exclude<ErrorCase, { $case: 'badRequestError' }>
} {
  const { response } = errorCase(error)
  if (response.$case !== 'badRequestError') return { response }
  return { response: { $case: 'internalServerError', internalServerError: response.badRequestError } }
}

/** The access token of a call. @throws SocialError `unauthorized` when there is none */
export function tokenOf(payload: Payload | undefined): string {
  if (!payload?.synapseToken) throw new SocialError('unauthorized', '`auth_token` was not provided')
  return payload.synapseToken
}

/**
 * An event as one of the two users sees it, naming the other one; empty when it is not to be seen.
 * @param other the target in the answer to the one who acted, the actor in the push
 */
export function encodeEvent(event: PairEvent, other: Address): FriendshipEventResponse {
  const action = visibleAction(event)
  if (action === null) return {}
  if (action !== 'request') return { body: userCase(action, other) }
  return { body: { $case: 'request', request: requestResponse(other, event) } }
}

/** The lists of users, whose good case comes encoded: that of a long list is most of what the whole call takes. */
export const LIST_METHODS = {
  getFriends: withEncodedAnswer(V1_METHODS.getFriends),
  getMutualFriends: withEncodedAnswer(V1_METHODS.getMutualFriends)
}

/** @param method whose answers are a `UsersResponse` */
export function withEncodedAnswer<Request>(method: Method<Request, UsersResponse>): Method<Request, UsersAnswer> {
  const encode = (answer: UsersAnswer): { finish(): Uint8Array } =>
    answer instanceof Uint8Array ? { finish: () => answer } : UsersResponse.encode(answer)
  return { name: method.name, requestType: method.requestType, responseType: { encode } }
}

/** An element of a list: users, of {@link encodePages}, or why there are none. */
type UsersAnswer = Uint8Array | UsersResponse

/** The requests that wait for an answer, both ways, as far as they fit into an answer of so many bytes. */
export function encodeRequests(
  incoming: Paged<PendingRequest>,
  outgoing: Paged<PendingRequest>,
  maxBytes: number
): RequestEventsResponse {
  const room = maxBytes - REQUESTS_OVERHEAD
  const [incomingItems, outgoingItems] = fittingBoth([incoming.items, outgoing.items], sizeOfRequest, room)
  const events = {
    incoming: encodeRequestList(incomingItems, incoming.total),
    outgoing: encodeRequestList(outgoingItems, outgoing.total)
  }
  return { response: { $case: 'events', events } }
}

/** Bytes of an answer beside the requests in it, at most. */
const REQUESTS_OVERHEAD = 32
/** Bytes of a request beside its message, at most: the address and the time, with what protobuf puts before each part. */
const REQUEST_OVERHEAD = 66

function sizeOfRequest({ message }: PendingRequest): number {
  return REQUEST_OVERHEAD + Buffer.byteLength(message ?? '')
}

function encodeRequestList(items: readonly PendingRequest[], total: number): Requests {
  return { total, items: items.map(item => requestResponse(item.address, item)) }
}

/** v1 counts time in seconds. */
function requestResponse(address: Address, { at, message }: { at: number; message: string | null }) {
  return { user: { address }, createdAt: Math.floor(at / 1000), message: message ?? undefined }
}
