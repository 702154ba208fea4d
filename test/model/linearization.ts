import type { PairEvent } from '../../src/domain/events.ts'
import { answerTo } from './operations.ts'
import { type Deed, perform, type Relation } from './reference.ts'

/** A deed and what its user was answered. */
export interface Answered {
  readonly deed: Deed
  readonly answer: string
}

/**
 * Finds an order in which these deeds, which happened at the same time, could have happened one after the other: each
 * with the answer that it got, and those that changed something in the order of the log.
 * @returns what the two are to each other afterwards, or null when there is no such order
 */
export function explain(before: Relation, deeds: readonly Answered[], log: readonly PairEvent[]): Relation | null {
  if (deeds.length === 0) return log.length === 0 ? before : null
  for (const next of deeds) {
    const [outcome, after] = perform(before, next.deed)
    if (answerTo(outcome) !== next.answer) continue
    if (outcome.kind === 'done' && !isLogged(next.deed, log[0])) continue
    const rest = deeds.filter(deed => deed !== next)
    const end = explain(after, rest, outcome.kind === 'done' ? log.slice(1) : log)
    if (end) return end
  }
  return null
}

function isLogged({ actor, action, message, at }: Deed, event: PairEvent | undefined): boolean {
  return (
    event?.actor === actor && event.action === action && (event.message ?? undefined) === message && event.at === at
  )
}
