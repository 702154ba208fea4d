import { FRIENDSHIP_CONTENT, type FriendshipStateEvents } from '../../../friendships/state-event.ts'
import type { FriendshipEventWriter } from './friendship-events.ts'
import type { RoomAccess } from './room-access.ts'
import { answer, checked, forbidden, type RuleCall, type RuleResult } from './rule.ts'

interface FriendshipDeps {
  readonly access: RoomAccess
  readonly stateEvents: FriendshipStateEvents
  readonly writer: FriendshipEventWriter
}

/** The state event by which clients change a friendship, in the room of the two. */
export class FriendshipRule {
  readonly #deps: FriendshipDeps

  constructor(deps: FriendshipDeps) {
    this.#deps = deps
  }

  async change(call: RuleCall, roomId: string, stateKey: string): Promise<RuleResult> {
    const { access, stateEvents, writer } = this.#deps
    const content = checked(FRIENDSHIP_CONTENT, call.body)
    const room = await access.enter(call, roomId)
    if (room.kind !== 'pair') throw forbidden('Friendships are changed in the room of the two')
    // In this order: what is in the room by now happened before what is put, unless that is a repetition.
    const current = await writer.current(call, roomId, stateKey)
    const accepted = await stateEvents.put({ actor: call.actor, target: room.other, stateKey, content })
    const eventId = await writer.write(call, roomId, accepted, accepted.isRepetition ? null : current)
    return answer({ event_id: eventId })
  }
}
