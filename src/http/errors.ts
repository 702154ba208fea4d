import { STATUS_CODES } from 'node:http'
import { type ErrorCode, HTTP_STATUS, publicError } from '../domain/errors.ts'
import { MatrixError } from '../matrix/client/matrix-error.ts'
import { InputError } from './input.ts'

/** What a client gets to know of a failed request, in either kind of body. */
export interface Refusal {
  readonly status: number
  /** For Matrix bodies only. */
  readonly errcode: string
  readonly message: string
  readonly retryAfterMs?: number | undefined
}

const ERRCODE: Record<ErrorCode, string> = {
  invalid_request: 'M_BAD_JSON',
  invalid_transition: 'M_BAD_STATE',
  unauthorized: 'M_UNKNOWN_TOKEN',
  forbidden: 'M_FORBIDDEN',
  not_found: 'M_NOT_FOUND',
  conflict: 'M_UNKNOWN',
  too_many_requests: 'M_LIMIT_EXCEEDED',
  unavailable: 'M_UNKNOWN',
  internal: 'M_UNKNOWN'
}

/** What Fastify refuses before a handler runs. Its own texts may quote the input, so each gets one of ours. */
const FRAMEWORK_REFUSALS: Record<string, Refusal> = {
  FST_ERR_BAD_URL: { status: 400, errcode: 'M_INVALID_PARAM', message: 'The path is not well encoded' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, errcode: 'M_INVALID_PARAM', message: 'A part of the path is too long' },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is not JSON' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is empty' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, errcode: 'M_NOT_JSON', message: 'The body must be JSON' },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, errcode: 'M_TOO_LARGE', message: 'The body is too large' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is incomplete' },
  // The client went away while it sent the body: nobody reads this answer.
  ECONNRESET: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is incomplete' }
}

/** What a client may know about whatever was thrown: of what nobody foresaw, nothing. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof MatrixError) return error
  if (error instanceof InputError) return { status: 400, errcode: error.errcode, message: error.message }
  const ofFramework = refusalOfFramework(error)
  if (ofFramework) return ofFramework
  const { code, message, retryAfterMs } = publicError(error)
  return { status: HTTP_STATUS[code], errcode: ERRCODE[code], message, retryAfterMs }
}

/** The body of a refusal under `/v1`. */
export function socialBody({ status, message }: Refusal): object {
  return { code: status, error: STATUS_CODES[status] ?? 'Error', message }
}

/** The body of a refusal under `/_matrix`. */
export function matrixBody({ errcode, message, retryAfterMs }: Refusal): object {
  return { errcode, error: message, ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }) }
}

function refusalOfFramework(error: unknown): Refusal | undefined {
  if (!(error instanceof Error && 'code' in error && 'statusCode' in error)) return undefined
  const known = FRAMEWORK_REFUSALS[String(error.code)]
  const status = Number(error.statusCode)
  if (known || !String(error.code).startsWith('FST_') || status >= 500) return known
  return { status, errcode: 'M_UNKNOWN', message: STATUS_CODES[status] ?? 'Bad Request' }
}
