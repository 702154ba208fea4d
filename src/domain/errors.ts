import { FullError } from '../lib/full-error.ts'

/** Every way in which the service refuses. Each edge has one table from these to its own codes. */
const ERROR_CODES = [
  'invalid_request', // what was sent cannot be understood
  'invalid_transition', // understood, but not possible from the pair's present state
  'unauthorized', // no token, or one that is not valid (any more)
  'forbidden', // known user, not allowed
  'not_found',
  'conflict', // lost to concurrent writers again and again
  'too_many_requests', // over a limit; try later or have less
  'unavailable', // a part that the request needs is away; try again
  'internal'
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** The HTTP status of each error, on every surface that has one. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  invalid_transition: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_many_requests: 429,
  unavailable: 503,
  internal: 500
}

/** An outcome that a client may see: `message` is public text and carries no secret, SQL or library message. */
export class SocialError extends Error {
  override readonly name = 'SocialError'
  readonly code: ErrorCode
  /** How long the client should wait before it tries again, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, retryAfterMs?: number) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** Whether a part that every request needs is away, so that the next one would fail as well. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof SocialError && error.code === 'unavailable'
}

/** The error that a client may see for whatever was thrown: anything unforeseen becomes a mute `internal`. */
export function publicError(error: unknown): SocialError {
  if (error instanceof SocialError) return error
  if (error instanceof FullError) return new SocialError('unavailable', 'Too many wait already, try again')
  return new SocialError('internal', 'Internal error')
}
