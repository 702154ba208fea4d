import type { PairEvent } from './events.ts'
import type { FriendshipAction } from './friendship.ts'

type BlockableEvent = Pick<PairEvent, 'action' | 'actor' | 'previous' | 'previousActor'>

/**
 * What is seen of an event where blocks are not known (v1, the pair's room on Matrix); null for nothing. That somebody
 * is blocked is nobody's business: the block looks like the ordinary end of what it ended, by the one who blocked.
 */
export function visibleAction({ action, actor, previous, previousActor }: BlockableEvent): FriendshipAction | null {
  if (action === 'unblock') return null
  if (action !== 'block') return action
  if (previous === 'accepted') return 'delete'
  if (previous === 'requested') return previousActor === actor ? 'cancel' : 'reject'
  return null
}
