import type { PairEvent } from '../../src/domain/events.ts'
import { inWords } from '../model/operations.ts'
import { eventOf } from '../model/reference.ts'

/** What the one to whom these events happened is told of them, in words. */
export function pushes(events: readonly PairEvent[]): string[] {
  return events.map(({ actor, action, target, message, at }) => {
    if (action === 'block' || action === 'unblock') throw new Error('Nobody blocks in these tests')
    return inWords(eventOf({ actor, action, target, message: message ?? undefined, at }, actor))
  })
}
