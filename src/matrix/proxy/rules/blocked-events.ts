import type { JsonObject } from '../../client/http.ts'

/** An event of a room, as far as it matters who wrote it. */
export interface RoomEvent extends JsonObject {
  readonly sender?: unknown
}

/** A membership, without anything that its user can write into it. */
export function withoutTexts(content: unknown): JsonObject {
  const { membership, is_direct } = Object(content) as JsonObject
  return { membership, is_direct }
}

/** An event of a user whose words are not shown: what it says of who is in the room remains. */
export function withoutWords(event: RoomEvent): JsonObject {
  if (event['type'] !== 'm.room.member') return event
  const { prev_content, ...unsigned } = Object(event['unsigned']) as JsonObject
  return {
    ...event,
    content: withoutTexts(event['content']),
    unsigned: { ...unsigned, ...(prev_content !== undefined && { prev_content: withoutTexts(prev_content) }) }
  }
}

/** Whether an event is part of the state of its room: it is what makes the room what it is. */
export function isState(event: RoomEvent): boolean {
  return event['state_key'] !== undefined
}
