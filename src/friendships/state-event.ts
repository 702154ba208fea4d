import { z } from 'zod'
import type { Address } from '../domain/address.ts'
import { visibleAction } from '../domain/block-view.ts'
import { SocialError } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { FRIENDSHIP_ACTIONS, type FriendshipAction } from '../domain/friendship.ts'
import type { MatrixIds, UserId } from '../matrix/client/ids.ts'
import type { Friendships } from './friendships.ts'

/** The state event by which clients of the Matrix API see and change a friendship (ADR-189). */
export const FRIENDSHIP_TYPE = 'org.decentraland.friendship'

/** What clients put into it; the message of anything but a request is left out. */
export const FRIENDSHIP_CONTENT = z.object({ type: z.enum(FRIENDSHIP_ACTIONS), message: z.string().optional() })

interface FriendshipContent extends Readonly<Record<string, unknown>> {
  readonly type: FriendshipAction
  readonly message?: string
}

/** A state event that a user wants to put into the room that they share with another. */
interface StateEventPut {
  readonly actor: Address
  readonly target: Address
  readonly stateKey: string
  readonly content: z.infer<typeof FRIENDSHIP_CONTENT>
}

/** The event as it is to be in the room, now that the friendship is so. */
export interface AcceptedStateEvent {
  readonly stateKey: '' | UserId
  readonly content: FriendshipContent
  /** The number of the pair's event. */
  readonly seq: number
  /** Whether the friendship was so already. */
  readonly isRepetition: boolean
}

/**
 * Changes friendships by state events. Clients send each change twice: with an empty state key, as what became of the
 * pair, and then with the user's own id, as what this user did last. So what is already the last thing that the user did
 * may be put under their own id at any time; for the empty key a repetition is what it is on every surface.
 */
export class FriendshipStateEvents {
  readonly #friends: Friendships
  readonly #ids: MatrixIds

  constructor(friends: Friendships, ids: MatrixIds) {
    this.#friends = friends
    this.#ids = ids
  }

  /** @throws SocialError `forbidden` for a state key of somebody else, and as {@link Friendships.act} */
  async put({
    actor,
    target,
    stateKey,
    content: { type: action, message: text }
  }: StateEventPut): Promise<AcceptedStateEvent> {
    if (stateKey !== '' && this.#ids.addressOf(stateKey) !== actor) {
      throw new SocialError('forbidden', 'The state key may only be your own user id')
    }
    const message = action === 'request' ? (text?.toWellFormed() ?? null) : null
    const pair = await this.#friends.between(actor, target)
    const isLast = pair.actor === actor && pair.lastAction === action && pair.message === message
    const seq =
      stateKey !== '' && isLast ? pair.version : (await this.#friends.act({ actor, target, action, message })).seq
    return {
      stateKey: stateKey === '' ? '' : this.#ids.userId(actor),
      content: contentOf(action, message),
      seq,
      isRepetition: seq === pair.version
    }
  }
}

/**
 * What of an event of a pair is seen in their room, or null for nothing: a block looks like the ordinary end of what it
 * ended, and any other like nothing at all.
 */
export function friendshipContent(event: PairEvent): FriendshipContent | null {
  const action = visibleAction(event)
  return action && contentOf(action, event.message)
}

function contentOf(type: FriendshipAction, message: string | null): FriendshipContent {
  return { type, ...(message !== null && { message }) }
}
