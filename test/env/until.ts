import { pace } from './pace.ts'

/** Longest time for which a test waits for something that has to happen, in milliseconds of an idle machine. */
const WITHIN_MS = 60_000
/** A condition is looked at after a twentieth of the time that has passed, within these bounds in milliseconds. */
const LOOK = { part: 0.05, leastMs: 2, mostMs: 25 }

/**
 * Waits until a condition holds. On a busy machine the time goes by as much slower as everything else does there.
 * @param withinMs longest time on an idle machine, in milliseconds
 * @throws Error with `what` when it does not in time
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = WITHIN_MS
): Promise<void> {
  const from = performance.now()
  let seen = from
  let leftMs = withinMs
  while (!(await condition())) {
    const now = performance.now()
    leftMs -= (now - seen) / pace()
    seen = now
    if (leftMs < 0) {
      const seconds = ((now - from) / 1000).toFixed(1)
      throw new Error(`It did not happen in time that ${what}: ${seconds} s at a pace of ${pace().toFixed(1)}`)
    }
    const lookMs = Math.min(LOOK.mostMs, Math.max(LOOK.leastMs, (now - from) * LOOK.part))
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
}
