import type { Notification } from './notification.ts'

/**
 * When a delivery that failed is tried again.
 * - `later`: this event failed, and others may go
 * - `away`: nobody gets anything to this sink for now; it does not count against the event
 * - `never`: it would fail each time: it is parked, and what comes after it of the same pair or user waits behind it
 */
export type SinkRetry = 'later' | 'away' | 'never'

interface SinkErrorOptions {
  readonly retry: SinkRetry
  /** How long the sink wants to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** A delivery that failed. */
export class SinkError extends Error {
  override readonly name = 'SinkError'
  readonly retry: SinkRetry
  /** Null when the sink does not say. */
  readonly retryAfterMs: number | null

  /** @param message is shown to operators and kept in the database: no secret, no URL, nothing of a body */
  constructor(message: string, { retry, retryAfterMs, cause }: SinkErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.retry = retry
    this.retryAfterMs = retryAfterMs ?? null
  }
}

/** Another system that is told what happened, at least once, and in order of a pair or user. */
export interface NotificationSink {
  /** As in metrics, the log and the database: lower case letters, digits, dashes. */
  readonly name: string

  /** Whether it is sent at all: what is not wanted counts as delivered. */
  wants(notification: Notification): boolean

  /**
   * Delivers it; many of different pairs at a time. It ends when the signal says so.
   * @throws SinkError
   */
  send(notification: Notification, signal: AbortSignal): Promise<void>

  close(): Promise<void>
}
