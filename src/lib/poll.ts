import { setTimeout as wait } from 'node:timers/promises'
import { type Backoff, backoffMs } from './backoff.ts'
import { Deadline } from './deadline.ts'

interface PollOptions {
  /** From now on, in milliseconds. */
  readonly withinMs: number
  /** Between two tries. */
  readonly backoff: Backoff
}

/**
 * Tries until there is a result, at least once.
 * @returns undefined when the time was over before; the last try may end later. @throws what a try throws
 */
export async function poll<T>(
  attempt: () => Promise<T | undefined>,
  { withinMs, backoff }: PollOptions
): Promise<T | undefined> {
  const deadline = new Deadline(withinMs)
  for (let tries = 1; ; tries += 1) {
    const result = await attempt()
    if (result !== undefined || deadline.isPast) return result
    await wait(Math.min(backoffMs(tries, backoff), deadline.leftMs))
  }
}
