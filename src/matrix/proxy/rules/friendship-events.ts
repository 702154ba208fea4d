import { SocialError } from '../../../domain/errors.ts'
import { type AcceptedStateEvent, FRIENDSHIP_TYPE } from '../../../friendships/state-event.ts'
import { poll } from '../../../lib/poll.ts'
import type { EventId, MatrixIds } from '../../client/ids.ts'
import type { Rooms } from './rooms.ts'
import type { RuleCall } from './rule.ts'

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
