import { STATUS_CODES } from 'node:http'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { type ErrorCode, publicError, SocialError } from '../domain/errors.ts'

/** An error of the Matrix client-server API, with its own HTTP status and errcode. */
export class MatrixError extends Error {
  override readonly name = 'MatrixError'
  readonly status: number
  readonly errcode: string

  constructor(status: number, errcode: string, message: string) {
    super(message)
    this.status = status
    this.errcode = errcode
  }
}

interface HttpError {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const STATUS: Record<ErrorCode, number> = {
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

const ERRCODE: Record<ErrorCode, string> = {
  invalid_request: 'M_BAD_JSON',
  invalid_transition: 'M_FORBIDDEN',
  unauthorized: 'M_UNKNOWN_TOKEN',
  forbidden: 'M_FORBIDDEN',
  not_found: 'M_NOT_FOUND',
  conflict: 'M_UNKNOWN',
  too_many_requests: 'M_LIMIT_EXCEEDED',
  unavailable: 'M_UNKNOWN',
  internal: 'M_UNKNOWN'
}

/** The answer of a route under `/v1` to whatever was thrown: `{code, error, message}`. */
export function socialAnswer(error: unknown): HttpError {
  const { status, message } = refusalOf(error)
  return { status, body: { code: status, error: STATUS_CODES[status] ?? 'Error', message } }
}

/** The answer of a route under `/_matrix` to whatever was thrown: `{errcode, error}`. */
export function matrixAnswer(error: unknown): HttpError {
  const { status, errcode, message, retryAfterMs } = refusalOf(error)
  const retry = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }
  return { status, body: { errcode, error: message, ...retry } }
}

/** Whether an error is one that nobody foresaw: worth an error in the log. */
export function isUnforeseen(error: unknown): boolean {
  return refusalOf(error).status >= 500
}

interface Refusal {
  readonly status: number
  readonly errcode: string
  readonly message: string
  readonly retryAfterMs?: number | undefined
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof MatrixError) return error
  if (hasZodFastifySchemaValidationErrors(error)) return invalidInput(error.validation)
  if (!(error instanceof SocialError)) {
    const refusal = refusalOfFramework(error)
    if (refusal) return refusal
  }
  const { code, message, retryAfterMs } = publicError(error)
  return { status: STATUS[code], errcode: ERRCODE[code], message, retryAfterMs }
}

type Validation = readonly { readonly instancePath: string; readonly message?: string }[]

function invalidInput(validation: Validation): Refusal {
  const [first] = validation
  const message = `${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`.trim()
  const isMissing = first?.message?.includes('received undefined') ?? false
  return { status: 400, errcode: isMissing ? 'M_MISSING_PARAM' : 'M_BAD_JSON', message: message.slice(0, 300) }
}

/** What Fastify refuses before a handler runs. Its own texts may quote the input, so each gets one of ours. */
const FRAMEWORK_REFUSALS: Record<string, Refusal> = {
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is not JSON' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, errcode: 'M_NOT_JSON', message: 'The body is empty' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, errcode: 'M_NOT_JSON', message: 'The body must be JSON' },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, errcode: 'M_TOO_LARGE', message: 'The body is too large' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { status: 400, errcode: 'M_BAD_JSON', message: 'Wrong content length' }
}

function refusalOfFramework(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return FRAMEWORK_REFUSALS[String(error.code)]
}
