import { type Backoff, backoffMs } from '../lib/backoff.ts'
import type { Outcome } from '../observability/outbox-metrics.ts'
import type { Retry } from '../storage/outbox.ts'

/** Tries of what can succeed later: about a day, once they are five minutes apart. */
export const MAX_ATTEMPTS = 300
/** Tries of what was refused: what it was about may just have changed, but not again and again. */
export const MAX_REFUSALS = 3

/** What is to be done about an event that failed. */
export interface RetryDecision extends Retry {
  readonly outcome: Extract<Outcome, 'retried' | 'parked' | 'away'>
}

/** Of a failure that is the event's own. @param attempts so far, this one included */
export function countedFailure(attempts: number, limit: number, error: string, backoff: Backoff): RetryDecision {
  const parked = attempts >= limit
  return {
    outcome: parked ? 'parked' : 'retried',
    delayMs: parked ? 0 : backoffMs(attempts, backoff),
    attempts,
    error,
    parked
  }
}
