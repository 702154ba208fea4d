import { FRIENDSHIP_TYPE } from '../../../friendships/state-event.ts'
import type { Policy } from './policy.ts'
import type { RoomAccess } from './room-access.ts'
import { FORWARD, forbidden, type Rule } from './rule.ts'
import { refuseDelay } from './state.ts'

/** `POST /rooms/{roomId}/send/{eventType}`, and `PUT` with a transaction id behind it. */
export class MessageRule {
  readonly #access: RoomAccess
  readonly #policy: Policy

  constructor(access: RoomAccess, policy: Policy) {
    this.#access = access
    this.#policy = policy
  }

  readonly send: Rule = async call => {
    refuseDelay(call)
    const { roomId = '', eventType = '' } = call.params
    if (!isSaid(eventType)) throw forbidden('Events of this type cannot be sent')
    const room = await this.#access.enter(call, roomId)
    if (room.kind === 'pair') await this.#policy.checkMessage(call.actor, room.other)
    return FORWARD
  }
}

/**
 * Whether an event only says something. Others of `m.room.` are the state of a room, or take back what is in it
 * (`m.room.redaction`): in a room for two each has the power to empty what the other said, and the room's alias too.
 * A friendship is changed by its state event, and what looks like one must not be made up beside it.
 */
function isSaid(eventType: string): boolean {
  return eventType === 'm.room.message' || !(eventType.startsWith('m.room.') || eventType === FRIENDSHIP_TYPE)
}
