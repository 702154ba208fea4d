/** Longest time for which a test waits for something that has to happen, in milliseconds. */
const DEADLINE_MS = 60_000

/** Waits until a condition holds. @throws Error with `what` when it does not in time */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = DEADLINE_MS
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`It did not happen in time that ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
