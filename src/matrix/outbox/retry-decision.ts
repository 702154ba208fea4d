import { SocialError } from '../../domain/errors.ts'
import { type Backoff, backoffMs } from '../../lib/backoff.ts'
import type { Outcome } from '../../observability/outbox-metrics.ts'
import type { Retry } from '../../storage/outbox.ts'
import { HomeserverError } from '../client/errors.ts'
import type { HomeserverWatch } from './homeserver-watch.ts'

/** Tries of what can succeed later: about a day, once they are five minutes apart. */
const MAX_ATTEMPTS = 300
/** Tries of what was refused: a room may just have been changed by its users, but not again and again. */
const MAX_REFUSALS = 3

export interface RetryDecision extends Retry {
  readonly outcome: Extract<Outcome, 'retried' | 'parked' | 'away'>
}

/** Whether it is the database, where account data is leased, that did not answer. */
export function isDatabaseAway(error: unknown): error is SocialError {
  return error instanceof SocialError && error.code === 'unavailable'
}

/**
 * What is to be done about an event that failed. Only what is the event's own fault counts against it: while the
 * homeserver or the database is away nothing is ever parked, however long it takes.
 * @param attempts tries before this one that count
 */
export async function classifyFailure(
  error: unknown,
  attempts: number,
  watch: HomeserverWatch,
  backoff: Backoff
): Promise<RetryDecision> {
  if (isDatabaseAway(error)) {
    return { outcome: 'retried', delayMs: backoffMs(1, backoff), attempts, error: error.message, parked: false }
  }
  if (!(error instanceof HomeserverError)) return failed(attempts + 1, MAX_REFUSALS, 'Unforeseen error', backoff)
  const { kind, message, retryAfterMs } = error
  const away = { outcome: 'away', attempts, error: message, parked: false } as const
  if (kind === 'too_many_requests') {
    const delayMs = retryAfterMs ?? backoffMs(1, backoff)
    watch.pause(delayMs)
    return { ...away, delayMs }
  }
  const mayBeAway = kind === 'unavailable' || kind === 'misconfigured'
  if (mayBeAway && !(await watch.probe())) return { ...away, delayMs: 0 }
  return failed(attempts + 1, error.retryable ? MAX_ATTEMPTS : MAX_REFUSALS, message, backoff)
}

function failed(attempts: number, limit: number, error: string, backoff: Backoff): RetryDecision {
  const parked = attempts >= limit
  return {
    outcome: parked ? 'parked' : 'retried',
    delayMs: parked ? 0 : backoffMs(attempts, backoff),
    attempts,
    error,
    parked
  }
}
