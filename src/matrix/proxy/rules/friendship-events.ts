import { setTimeout as wait } from 'node:timers/promises'
import { SocialError } from '../../../domain/errors.ts'
import { FRIENDSHIP_TYPE } from '../../../friendships/state-event.ts'
import type { JsonObject } from '../../client/http.ts'
import type { EventId, MatrixIds } from '../../client/ids.ts'
import type { EventPlace, FriendshipEvents } from './friendship.ts'
import type { Rooms, StateEvent } from './rooms.ts'
import type { RuleCall } from './rule.ts'

/** How long a client waits for the event of what it did, in milliseconds. */
const MAX_WAIT_MS = 10_000
const FIRST_STEP_MS = 10
const MAX_STEP_MS = 250

/** Writes the events in the name of the user: where nobody else writes them. */
export class DirectEvents implements FriendshipEvents {
  readonly #rooms: Rooms

  constructor(rooms: Rooms) {
    this.#rooms = rooms
  }

  async present(): Promise<null> {
    return null
  }

  write({ token }: RuleCall, { roomId, stateKey }: EventPlace, content: JsonObject): Promise<EventId> {
    return this.#rooms.putState(roomId, FRIENDSHIP_TYPE, stateKey, content, token)
  }
}

/**
 * Waits for the events that the outbox writes. A second hand that writes them could bring an earlier state back; only
 * what users say of themselves, with their own id as the state key, is theirs alone to write.
 */
export class FollowedEvents implements FriendshipEvents {
  readonly #rooms: Rooms
  readonly #ids: MatrixIds

  constructor(rooms: Rooms, ids: MatrixIds) {
    this.#rooms = rooms
    this.#ids = ids
  }

  async present({ token }: RuleCall, roomId: string): Promise<EventId | null> {
    const event = await this.#rooms.state(roomId, FRIENDSHIP_TYPE, '', token)
    return event?.event_id ?? null
  }

  async write(
    { actor, token }: RuleCall,
    { roomId, stateKey }: EventPlace,
    content: JsonObject,
    older: EventId | null
  ): Promise<EventId> {
    if (stateKey !== '') return this.#rooms.putState(roomId, FRIENDSHIP_TYPE, stateKey, content, token)
    const sender = this.#ids.userId(actor)
    const isIt = (event: StateEvent | null): event is StateEvent =>
      event?.sender === sender && event.content['type'] === content['type'] && event.event_id !== older
    const deadline = performance.now() + MAX_WAIT_MS
    for (let step = FIRST_STEP_MS; performance.now() < deadline; step = Math.min(2 * step, MAX_STEP_MS)) {
      const event = await this.#rooms.state(roomId, FRIENDSHIP_TYPE, '', token)
      if (isIt(event)) return event.event_id
      await wait(step)
    }
    throw new SocialError('unavailable', 'It is done, but the homeserver does not have it yet')
  }
}
