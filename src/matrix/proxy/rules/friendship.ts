import { SocialError } from '../../../domain/errors.ts'
import {
  type AcceptedStateEvent,
  FRIENDSHIP_CONTENT,
  FRIENDSHIP_TYPE,
  type FriendshipStateEvents
} from '../../../friendships/state-event.ts'
import { poll } from '../../../lib/poll.ts'
import type { EventId, MatrixIds } from '../../client/ids.ts'
import type { RoomAccess } from './room-access.ts'
import type { Rooms } from './rooms.ts'
import { answer, forbidden, parseBody, type RuleCall, type RuleResult } from './rule.ts'

/** Brings what was done to a friendship into the room, where it is a state event. */
export interface FriendshipEventWriter {
  /** What the room has now under a state key, so that it is not taken for what is to come; null where nobody waits. */
  current(call: RuleCall, roomId: string, stateKey: string): Promise<EventId | null>
  /**
   * @param older an event that is not the one
   * @returns the id of the event, which the homeserver has when this resolves
   */
  write(call: RuleCall, roomId: string, event: AcceptedStateEvent, older: EventId | null): Promise<EventId>
}

/** How long a client waits for the event of what it did. */
const WAIT = { withinMs: 10_000, backoff: { firstMs: 20, maxMs: 250 } }

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
    const content = parseBody(FRIENDSHIP_CONTENT, call.body)
    const room = await access.authorize(call, roomId)
    if (room.kind !== 'pair') throw forbidden('Friendships are changed in the room of the two')
    // In this order: what is in the room by now happened before what is put, unless that is a repetition.
    const current = await writer.current(call, roomId, stateKey)
    const accepted = await stateEvents.put({ actor: call.actor, target: room.other, stateKey, content })
    const eventId = await writer.write(call, roomId, accepted, accepted.isRepetition ? null : current)
    return answer({ event_id: eventId })
  }
}

/** Writes the events in the name of the user: where nobody else writes them. */
export class DirectEventWriter implements FriendshipEventWriter {
  readonly #rooms: Rooms

  constructor(rooms: Rooms) {
    this.#rooms = rooms
  }

  async current(): Promise<null> {
    return null
  }

  write({ token }: RuleCall, roomId: string, { stateKey, content }: AcceptedStateEvent): Promise<EventId> {
    return this.#rooms.putState(roomId, FRIENDSHIP_TYPE, stateKey, content, token)
  }
}

/**
 * Waits for the events that the outbox writes. A second hand that writes them could bring an earlier state back; only
 * what users say of themselves, with their own id as the state key, is theirs alone to write.
 */
export class OutboxEventWriter implements FriendshipEventWriter {
  readonly #rooms: Rooms
  readonly #ids: MatrixIds

  constructor(rooms: Rooms, ids: MatrixIds) {
    this.#rooms = rooms
    this.#ids = ids
  }

  async current({ token }: RuleCall, roomId: string, stateKey: string): Promise<EventId | null> {
    if (stateKey !== '') return null
    const event = await this.#rooms.state(roomId, FRIENDSHIP_TYPE, '', token)
    return event?.event_id ?? null
  }

  async write(
    { actor, token }: RuleCall,
    roomId: string,
    { stateKey, content }: AcceptedStateEvent,
    older: EventId | null
  ): Promise<EventId> {
    if (stateKey !== '') return this.#rooms.putState(roomId, FRIENDSHIP_TYPE, stateKey, content, token)
    const sender = this.#ids.userId(actor)
    const eventId = await poll(async () => {
      const event = await this.#rooms.state(roomId, FRIENDSHIP_TYPE, '', token)
      const isIt = event?.sender === sender && event.content['type'] === content.type && event.event_id !== older
      return isIt ? event.event_id : undefined
    }, WAIT)
    if (eventId !== undefined) return eventId
    throw new SocialError('unavailable', 'It is done, but the homeserver does not have it yet')
  }
}
