import { SocialError } from '../../domain/errors.ts'
import { type Backoff, backoffMs } from '../../lib/backoff.ts'
import { countedFailure, MAX_ATTEMPTS, MAX_REFUSALS, type RetryDecision } from '../../outbox/retry-decision.ts'
import { HomeserverError } from '../client/errors.ts'
import type { HomeserverWatch } from './homeserver-watch.ts'

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
  if (!(error instanceof HomeserverError)) {
    return countedFailure(attempts + 1, MAX_REFUSALS, 'Unforeseen error', backoff)
  }
  const { kind, message, retryAfterMs } = error
  const away = { outcome: 'away', attempts, error: message, parked: false } as const
  if (kind === 'too_many_requests') {
    const delayMs = retryAfterMs ?? backoffMs(1, backoff)
    watch.pause(delayMs)
    return { ...away, delayMs }
  }
  const mayBeAway = kind === 'unavailable' || kind === 'misconfigured'
  if (mayBeAway && !(await watch.probe())) return { ...away, delayMs: 0 }
  return countedFailure(attempts + 1, error.retryable ? MAX_ATTEMPTS : MAX_REFUSALS, message, backoff)
}
