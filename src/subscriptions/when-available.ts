import { setTimeout as wait } from 'node:timers/promises'
import { isUnavailable } from '../domain/errors.ts'
import { type Backoff, backoffMs } from '../lib/backoff.ts'
import { Deadline } from '../lib/deadline.ts'

interface Patience {
  /** How long a part that is away is waited for, in milliseconds. */
  readonly timeoutMs: number
  /** Whether there is still somebody who wants the stream. */
  readonly isWanted: () => boolean
}

/** Longer than a batch takes, and no longer than a client should wait for what is back. */
const BACKOFF: Backoff = { firstMs: 50, maxMs: 500 }

/**
 * Does what a stream needs to begin, and while a part that this needs is away, tries it again: a client that got an error
 * would only come back at once, with all the others.
 * @throws what the last try threw: when it was about anything else, time was up, or nobody wanted the stream any more
 */
export async function whenAvailable<T>(work: () => Promise<T>, { timeoutMs, isWanted }: Patience): Promise<T> {
  const deadline = new Deadline(timeoutMs)
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!isUnavailable(error) || deadline.isPast) throw error
      await wait(Math.min(deadline.leftMs, backoffMs(failures, BACKOFF)))
      if (!isWanted()) throw error
    }
  }
}
