import { visibleAction } from '../domain/block-view.ts'
import type { PairEvent } from '../domain/events.ts'
import type { JsonObject } from '../matrix/client/http.ts'

/** The state event by which clients of the Matrix API see and change a friendship (ADR-189). */
export const FRIENDSHIP_TYPE = 'org.decentraland.friendship'

/**
 * What of an event of a pair is seen in their room, or null for nothing: a block looks like the ordinary end of what it
 * ended, and any other like nothing at all.
 */
export function friendshipContent(event: PairEvent): JsonObject | null {
  const type = visibleAction(event)
  return type && { type, ...(event.message !== null && { message: event.message }) }
}
