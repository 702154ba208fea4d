import type { Address } from '../../domain/address.ts'
import type { ErrorCode, SocialError } from '../../domain/errors.ts'
import type { PairEvent } from '../../domain/events.ts'
import { type Pair, type PairStatus, statusOf } from '../../domain/friendship.ts'
import { type Page, type PageLimits, pageOf } from '../../domain/page.ts'
import type { PendingRequest } from '../../friendships/friendships.ts'
import type { ConnectivityUpdate } from '../../presence/connectivity.ts'
import type { Profile } from '../../profiles/profile.ts'
import { userCase } from '../fields.ts'
import {
  type BlockedUserProfile,
  type BlockUpdate,
  ConnectivityStatus,
  type FriendConnectivityUpdate,
  type FriendProfile,
  type FriendshipRequestResponse,
  FriendshipStatus,
  type FriendshipUpdate,
  type GetFriendshipStatusResponse_Ok,
  type PaginatedFriendshipRequestsResponse,
  type PaginatedResponse,
  type Pagination,
  SocialServiceDefinition,
  type UpsertFriendshipResponse
} from '../generated/social-service-v2.ts'

export const V2_METHODS = SocialServiceDefinition.methods

/** Pages as clients that are out there ask for them. */
export const FRIENDS_PAGE: PageLimits = { defaultLimit: 1000, maxLimit: 1000 }
export const REQUESTS_PAGE: PageLimits = { defaultLimit: 100, maxLimit: 200 }
export const BLOCKED_PAGE: PageLimits = { defaultLimit: 200, maxLimit: 200 }

type Refusal = 'internal' | 'action' | 'request'

/** Which error case an error is, where a response has several. */
const REFUSAL: Record<ErrorCode, Refusal> = {
  invalid_request: 'request',
  not_found: 'request',
  too_many_requests: 'request',
  unauthorized: 'request',
  invalid_transition: 'action',
  forbidden: 'action',
  conflict: 'internal',
  unavailable: 'internal',
  internal: 'internal'
}

/** The good case of most responses. */
export function okCase<Ok>(ok: Ok): { response: { $case: 'ok'; ok: Ok } } {
  return { response: { $case: 'ok', ok } }
}

type InternalCase = { response: { $case: 'internalServerError'; internalServerError: { message: string } } }
type RequestCase = { response: { $case: 'invalidRequest'; invalidRequest: { message: string } } }

/** The error case of a response that has no other. */
export function internalCase({ message }: SocialError): InternalCase {
  return { response: { $case: 'internalServerError', internalServerError: { message } } }
}

/** The error case of a list of requests. */
export function requestsInternalCase(error: SocialError): PaginatedFriendshipRequestsResponse {
  return { ...internalCase(error), paginationData: undefined }
}

/** The error case of a response that has one for a bad request and one for an internal error. */
export function requestCase(error: SocialError): InternalCase | RequestCase {
  if (REFUSAL[error.code] === 'internal') return internalCase(error)
  return { response: { $case: 'invalidRequest', invalidRequest: { message: error.message } } }
}

/** The error case of a response to an action upon a friendship. */
export function actionCase(error: SocialError): UpsertFriendshipResponse {
  if (REFUSAL[error.code] !== 'action') return requestCase(error)
  return { response: { $case: 'invalidFriendshipAction', invalidFriendshipAction: { message: error.message } } }
}

/** For responses without an error case: the engine answers with a remote error. */
export function rethrow(error: SocialError): never {
  throw error
}

export function pageOfField(pagination: Pagination | undefined, limits: PageLimits): Page {
  return pageOf(pagination?.limit, pagination?.offset, limits)
}

export function encodePage({ limit, offset }: Page, total: number): PaginatedResponse {
  return { total, page: Math.floor(offset / limit) + 1 }
}

export function encodeProfile({ address, name, hasClaimedName, pictureUrl, nameColor }: Profile): FriendProfile {
  return { address, name, hasClaimedName, profilePictureUrl: pictureUrl, nameColor: nameColor ?? undefined }
}

/** @param since unix milliseconds; null when the user is not blocked any more */
export function encodeBlocked(profile: Profile, since: number | null): BlockedUserProfile {
  return { ...encodeProfile(profile), ...(since === null ? {} : { blockedAt: since }) }
}

/** v2 counts time in milliseconds. */
export function encodeRequest({ seq, at, message }: PendingRequest, profile: Profile): FriendshipRequestResponse {
  return { id: String(seq), friend: encodeProfile(profile), createdAt: at, message: message ?? undefined }
}

/** The answer to the one who acted. */
export function encodeAccepted({ seq, at, message }: PairEvent, profile: Profile): UpsertFriendshipResponse {
  const accepted = { id: String(seq), friend: encodeProfile(profile), createdAt: at, message: message ?? undefined }
  return { response: { $case: 'accepted', accepted } }
}

/** Whether an event is for the stream of friendships: an unblock is for that of blocks alone. */
export function isFriendshipUpdate({ action }: PairEvent): boolean {
  return action !== 'unblock'
}

/** An event as its target sees it. A request comes with the actor's profile. */
export function encodeUpdate(event: PairEvent, profile: Profile): FriendshipUpdate {
  const { action, actor } = event
  switch (action) {
    case 'request':
      return { update: { $case: 'request', request: encodeRequest({ ...event, address: actor }, profile) } }
    case 'unblock':
      return { update: undefined }
    default:
      return { update: userCase(action, actor) }
  }
}

/** Whether an event is for the stream of blocks. */
export function isBlockUpdate({ action }: PairEvent): boolean {
  return action === 'block' || action === 'unblock'
}

/** A block or an unblock as its target sees it. */
export function encodeBlockUpdate({ actor, action }: PairEvent): BlockUpdate {
  return { address: actor, isBlocked: action === 'block' }
}

export function encodeConnectivity({ online }: ConnectivityUpdate, friend: Profile): FriendConnectivityUpdate {
  return { friend: encodeProfile(friend), status: online ? ConnectivityStatus.ONLINE : ConnectivityStatus.OFFLINE }
}

const STATUS: Record<Exclude<PairStatus, 'requested'>, FriendshipStatus> = {
  none: FriendshipStatus.NONE,
  accepted: FriendshipStatus.ACCEPTED,
  rejected: FriendshipStatus.REJECTED,
  canceled: FriendshipStatus.CANCELED,
  deleted: FriendshipStatus.DELETED
}

/** The state of a pair from the side of one of the two. */
export function encodeStatus(pair: Pair, viewer: Address, other: Address): GetFriendshipStatusResponse_Ok {
  if (pair.blockedBy.has(viewer)) return { status: FriendshipStatus.BLOCKED }
  if (pair.blockedBy.has(other)) return { status: FriendshipStatus.BLOCKED_BY }
  const status = statusOf(pair)
  if (status !== 'requested') return { status: STATUS[status] }
  const sent = pair.actor === viewer ? FriendshipStatus.REQUEST_SENT : FriendshipStatus.REQUEST_RECEIVED
  return { status: sent, message: pair.message ?? undefined }
}
