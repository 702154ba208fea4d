import type { JsonObject } from '../../client/http.ts'

/** An event of a room, as far as it matters who wrote it. */
export interface RoomEvent extends JsonObject {
  readonly sender?: unknown
}

/** What of a membership, of its event and of what is beside it no user chooses the words of. */
const MEMBERSHIP = ['membership', 'is_direct']
const EVENT = [
  'type',
  'sender',
  'user_id',
  'state_key',
  'event_id',
  'room_id',
  'origin_server_ts',
  'age',
  'replaces_state'
]
const UNSIGNED = ['age', 'replaces_state', 'membership', 'prev_sender', 'transaction_id']

/** A membership, without anything that its user can write into it. */
export function withoutTexts(content: unknown): JsonObject {
  return selected(content, MEMBERSHIP)
}

/** An event of a user whose words are not shown: what it says of who is in the room remains. */
export function withoutWords(event: RoomEvent): JsonObject {
  if (event['type'] !== 'm.room.member') return event
  const { content, unsigned } = event
  // Some calls have the earlier membership beside the present one, others below `unsigned`, and some have both.
  return {
    ...selected(event, EVENT),
    ...earlier(event),
    content: withoutTexts(content),
    ...(unsigned !== undefined && { unsigned: { ...selected(unsigned, UNSIGNED), ...earlier(unsigned) } })
  }
}

/** Whether an event is part of the state of its room: it is what makes the room what it is. */
export function isState(event: RoomEvent): boolean {
  return event['state_key'] !== undefined
}

function earlier(holder: unknown): JsonObject {
  const { prev_content } = Object(holder) as JsonObject
  return prev_content === undefined ? {} : { prev_content: withoutTexts(prev_content) }
}

function selected(value: unknown, names: readonly string[]): JsonObject {
  const entries = Object.entries(Object(value) as JsonObject)
  return Object.fromEntries(entries.filter(([name]) => names.includes(name)))
}
