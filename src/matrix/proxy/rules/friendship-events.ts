import { setTimeout as wait } from 'node:timers/promises'
import { SocialError } from '../../../domain/errors.ts'
import { type AcceptedStateEvent, FRIENDSHIP_TYPE } from '../../../friendships/state-event.ts'
import type { EventId, MatrixIds } from '../../client/ids.ts'
import type { Rooms, StateEvent } from './rooms.ts'
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

/** How long a client waits for the event of what it did, in milliseconds. */
const MAX_WAIT_MS = 10_000
const FIRST_STEP_MS = 10
const MAX_STEP_MS = 250

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
    const isIt = (event: StateEvent | null): event is StateEvent =>
      event?.sender === sender && event.content['type'] === content.type && event.event_id !== older
    const deadline = performance.now() + MAX_WAIT_MS
    for (let step = FIRST_STEP_MS; performance.now() < deadline; step = Math.min(2 * step, MAX_STEP_MS)) {
      const event = await this.#rooms.state(roomId, FRIENDSHIP_TYPE, '', token)
      if (isIt(event)) return event.event_id
      await wait(step)
    }
    throw new SocialError('unavailable', 'It is done, but the homeserver does not have it yet')
  }
}
