/** Every way in which the service refuses. Each edge has one table from these to its own codes. */
const ERROR_CODES = [
  'invalid_request', // what was sent cannot be understood
  'invalid_transition', // understood, but not possible from the pair's present state
  'unauthorized', // no token, or one that is not valid (any more)
  'forbidden', // known user, not allowed
  'not_found',
  'conflict', // kept losing to concurrent writers
  'too_many_requests', // over a limit; try later or have less
  'unavailable', // a part that the request needs is away; try again
  'internal'
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

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

/** The error that a client may see for whatever was thrown: anything unforeseen becomes a mute `internal`. */
export function publicError(error: unknown): SocialError {
  return error instanceof SocialError ? error : new SocialError('internal', 'Internal error')
}
