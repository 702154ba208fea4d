import type { Address } from '../domain/address.ts'
import type { Profile } from '../profiles/profile.ts'
import type { FriendshipNotification, Notification } from './notification.ts'

/*
 * Events of friendships as `@dcl/schemas` defines them (FriendshipRequestEvent, FriendshipAcceptedEvent), field by field in
 * the order in which the service before this one wrote them. A test compares both with that package, which is not needed
 * here: for three words it would load a validator of schemas.
 */

export const EVENT_TYPE = 'social-service'
export const EVENT_SUB_TYPES = { request: 'friendship-request', accept: 'friendship-accepted' } as const

/** What an event is made for. */
export type EventNotification = FriendshipNotification & { readonly action: keyof typeof EVENT_SUB_TYPES }

/** One of the two users, as receivers show them. */
interface Party {
  readonly address: Address
  readonly name: string
  /** Empty when there is none. */
  readonly profileImageUrl: string
  readonly hasClaimedName: boolean
}

export interface FriendshipEvent {
  /** By which a receiver knows what it has had before: the same at each attempt, and the same as `requestId`. */
  readonly key: string
  readonly type: typeof EVENT_TYPE
  readonly subType: (typeof EVENT_SUB_TYPES)[keyof typeof EVENT_SUB_TYPES]
  /** Unix milliseconds. */
  readonly timestamp: number
  readonly metadata: {
    /** As v2 clients know the request. */
    readonly requestId: string
    readonly sender: Party
    readonly receiver: Party
    /** Of a request that has one. */
    readonly message?: string
  }
}

export function hasEvent(notification: Notification): notification is EventNotification {
  return notification.kind === 'friendship' && notification.action in EVENT_SUB_TYPES
}

/** @param profileOf how each of the two is shown */
export function friendshipEvent(
  { seq, at, actor, target, action, message }: EventNotification,
  profileOf: (address: Address) => Profile
): FriendshipEvent {
  const id = String(seq)
  return {
    key: id,
    type: EVENT_TYPE,
    subType: EVENT_SUB_TYPES[action],
    timestamp: at,
    metadata: {
      requestId: id,
      sender: party(profileOf(actor)),
      receiver: party(profileOf(target)),
      ...(message && { message })
    }
  }
}

function party({ address, name, pictureUrl, hasClaimedName }: Profile): Party {
  return { address, name, profileImageUrl: pictureUrl, hasClaimedName }
}
