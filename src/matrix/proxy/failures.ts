import { type ErrorCode, SocialError } from '../../domain/errors.ts'
import { HomeserverError, type HomeserverErrorKind } from '../client/errors.ts'
import { MatrixError } from '../client/matrix-error.ts'

const CODES: Record<HomeserverErrorKind, ErrorCode> = {
  bad_request: 'invalid_request',
  unauthorized: 'unavailable',
  forbidden: 'forbidden',
  not_found: 'not_found',
  conflict: 'unavailable',
  too_many_requests: 'too_many_requests',
  misconfigured: 'unavailable',
  unavailable: 'unavailable'
}

const TEXTS: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'The homeserver does not take this request',
  forbidden: 'The homeserver does not allow this',
  not_found: 'The homeserver does not know this',
  too_many_requests: 'Too many requests'
}

/** How the homeserver answers an account that its administrator has locked, with a 401. */
const LOCKED = 'M_USER_LOCKED'

/** What a client may know of a call of ours that failed on the way to serving it. */
export function publicFailure(error: unknown): unknown {
  if (!(error instanceof HomeserverError)) return error
  // Not for the service to get around, and not for the client to wait for.
  if (error.errcode === LOCKED) return new MatrixError(401, LOCKED, 'This account is locked')
  const code = CODES[error.kind]
  const text = TEXTS[code] ?? 'The homeserver does not answer, try again'
  return new SocialError(code, text, error.retryAfterMs ?? undefined)
}
