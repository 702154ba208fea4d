/** Nobody is left alone for longer than this, whatever the answer says. */
const MAX_WAIT_MS = 3_600_000

/** A wait that somebody asks for, in whole milliseconds and bounded; undefined when it is none. */
export function boundedWait(ms: number): number | undefined {
  return ms >= 0 ? Math.min(Math.ceil(ms), MAX_WAIT_MS) : undefined
}

/** What a Retry-After header asks for: seconds, or a date. @param now unix milliseconds */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const seconds = Number(header)
  return boundedWait(Number.isNaN(seconds) ? Math.max(0, Date.parse(header) - now) : seconds * 1000)
}
