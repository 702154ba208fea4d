import type { PairEvent } from '../../src/domain/events.ts'
import { inWords } from '../model/operations.ts'
import { eventOf } from '../model/reference.ts'

/** The updates that the target of these events receives, in words. */
export function expectedUpdates(events: readonly PairEvent[]): string[] {
  return events.map(({ actor, action, target, message, at }) => {
    if (action === 'block' || action === 'unblock') throw new Error('Nobody blocks in these tests')
    return inWords(eventOf({ actor, action, target, message: message ?? undefined, at }, actor))
  })
}
