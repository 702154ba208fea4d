import { z } from 'zod'
import type { Address } from '../../../domain/address.ts'
import { FRIENDSHIP_ACTIONS, type FriendshipAction } from '../../../domain/friendship.ts'
import type { Friendships } from '../../../friendships/friendships.ts'
import type { JsonObject } from '../../client/http.ts'
import type { EventId, MatrixIds } from '../../client/ids.ts'
import type { RoomAccess } from './room-access.ts'
import { answer, checked, forbidden, type RuleCall, type RuleResult } from './rule.ts'

/** Brings what was done to a friendship into the room, where it is a state event. */
export interface FriendshipEvents {
  /** What the room has now, so that it is not taken for what is to come; null where nobody waits for that. */
  present(call: RuleCall, roomId: string): Promise<EventId | null>
  /**
   * @param older an event that is not the one
   * @returns the id of the event, which the homeserver has when this resolves
   */
  write(call: RuleCall, place: EventPlace, content: JsonObject, older: EventId | null): Promise<EventId>
}

/** Where a state event of a friendship is to be. */
export interface EventPlace {
  readonly roomId: string
  readonly stateKey: string
}

interface FriendshipDeps {
  readonly ids: MatrixIds
  readonly access: RoomAccess
  readonly friends: Friendships
  readonly events: FriendshipEvents
}

const CONTENT = z.object({ type: z.enum(FRIENDSHIP_ACTIONS), message: z.string().nullish() })

/**
 * The state event by which clients of the Matrix API change a friendship (ADR-189). Each change comes twice: without a
 * state key, as what became of the pair, and then with the user's own id, as what this user did last.
 */
export class FriendshipRule {
  readonly #deps: FriendshipDeps

  constructor(deps: FriendshipDeps) {
    this.#deps = deps
  }

  async change(call: RuleCall, roomId: string, stateKey: string): Promise<RuleResult> {
    const { ids, access, friends, events } = this.#deps
    const { actor } = call
    const { type: action, message } = checked(CONTENT, call.body)
    if (stateKey !== '' && ids.addressOf(stateKey) !== actor) {
      throw forbidden('The state key may only be your own user id')
    }
    const room = await access.enter(call, roomId)
    if (room.kind !== 'pair') throw forbidden('Friendships are changed in the room of the two')

    const said = action === 'request' ? (message ?? null) : null
    const content = { type: action, ...(said !== null && { message: said }) }
    if (stateKey !== '' && (await this.#isLast(call, room.other, action))) {
      return answer({ event_id: await events.write(call, { roomId, stateKey: ids.userId(actor) }, content, null) })
    }
    // In this order: what is in the room by now happened at the latest with this version of the pair.
    const present = await events.present(call, roomId)
    const { version } = await friends.between(actor, room.other)
    const { seq } = await friends.act({ actor, target: room.other, action, message: said })
    const place = { roomId, stateKey: stateKey === '' ? '' : ids.userId(actor) }
    return answer({ event_id: await events.write(call, place, content, seq === version ? null : present) })
  }

  /** Whether it is what this user did last, so that only the event is missing. */
  async #isLast({ actor }: RuleCall, other: Address, action: FriendshipAction): Promise<boolean> {
    const pair = await this.#deps.friends.between(actor, other)
    return pair.actor === actor && pair.lastAction === action
  }
}
