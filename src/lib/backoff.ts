export interface Backoff {
  /** Before the second try, in milliseconds; each further wait is twice as long. */
  readonly firstMs: number
  /** Longest wait, in milliseconds. */
  readonly maxMs: number
}

/** How long to wait after so many failures in a row, in milliseconds. With jitter, so that not all come back at once. */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff): number {
  const wait = Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1))
  return wait * (0.5 + Math.random() / 2)
}
