export interface Backoff {
  /** Wait after the first failure, in milliseconds; each further one is twice as long. */
  readonly firstMs: number
  /** Longest wait, in milliseconds. */
  readonly maxMs: number
}

/**
 * Exponential backoff: how long to wait after so many failures in a row (1 or more), in milliseconds. With jitter
 * between half and all of it, so that many clients do not come back at once.
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff): number {
  const wait = Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1))
  return wait * (0.5 + Math.random() / 2)
}
