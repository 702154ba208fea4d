import type { PairEvent } from '../../src/domain/events.ts'
import { answerTo } from './operations.ts'
import { type Operation, perform, type Relation } from './reference.ts'

/** An operation and what its user was answered. */
export interface Answered {
  readonly operation: Operation
  readonly answer: string
}

/**
 * Finds an order in which these operations, which happened at the same time, could have happened one after the other: each
 * with the answer that it got, and those that changed something in the order of the log.
 * @returns what the two are to each other afterwards, or null when there is no such order
 */
export function linearize(
  before: Relation,
  operations: readonly Answered[],
  log: readonly PairEvent[]
): Relation | null {
  if (operations.length === 0) return log.length === 0 ? before : null
  for (const next of operations) {
    const [outcome, after] = perform(before, next.operation)
    if (answerTo(outcome) !== next.answer) continue
    if (outcome.kind === 'done' && !isLogged(next.operation, log[0])) continue
    const rest = operations.filter(operation => operation !== next)
    const end = linearize(after, rest, outcome.kind === 'done' ? log.slice(1) : log)
    if (end) return end
  }
  return null
}

function isLogged({ actor, action, message, at }: Operation, event: PairEvent | undefined): boolean {
  return (
    event?.actor === actor && event.action === action && (event.message ?? undefined) === message && event.at === at
  )
}
