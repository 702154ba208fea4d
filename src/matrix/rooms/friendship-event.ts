import type { PairEvent } from '../../domain/events.ts'
import type { JsonObject } from '../client/http.ts'

/** The state event by which clients of the Matrix API see and change a friendship (ADR-189). */
export const FRIENDSHIP_TYPE = 'org.decentraland.friendship'

/**
 * What of an event of a pair is seen in their room, or null for nothing. That somebody is blocked is nobody's business:
 * a block that ended something looks like the end of a friendship, and any other like nothing at all.
 */
export function friendshipContent({ action, previous, message }: PairEvent): JsonObject | null {
  if (action === 'unblock') return null
  if (action !== 'block') return { type: action, ...(message !== null && { message }) }
  return previous === 'requested' || previous === 'accepted' ? { type: 'delete' } : null
}
