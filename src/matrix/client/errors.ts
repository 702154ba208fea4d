import { boundedWait } from '../../lib/retry-after.ts'

/**
 * What an unsuccessful call comes to.
 * - `bad_request`: it will never be taken as it is
 * - `unauthorized`: the token of the user, or the user, is not (or no longer) let in
 * - `forbidden`, `not_found`: as they say
 * - `conflict`: what was to be created is there already, or is being created
 * - `too_many_requests`: a rate limit; see `retryAfterMs`
 * - `misconfigured`: the homeserver does not know the `as_token`; an operator has to act
 * - `unavailable`: no answer, none in time, or one that makes no sense; the call may have been carried out all the same
 */
export type HomeserverErrorKind =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_many_requests'
  | 'misconfigured'
  | 'unavailable'

const RETRYABLE: ReadonlySet<HomeserverErrorKind> = new Set([
  'conflict',
  'too_many_requests',
  'misconfigured',
  'unavailable'
])

interface HomeserverErrorOptions {
  readonly kind: HomeserverErrorKind
  /** The name of the call. */
  readonly operation: string
  /** Of the answer; absent without one. */
  readonly status?: number | undefined
  /** As the homeserver spells it, or the code of the network's failure. */
  readonly code?: string | undefined
  readonly retryAfterMs?: number | undefined
}

/** A call to the homeserver that failed. The message names the call and the codes: no id, token, query or body. */
export class HomeserverError extends Error {
  override readonly name = 'HomeserverError'
  readonly kind: HomeserverErrorKind
  /** Null when there was no answer. */
  readonly status: number | null
  /** Null when there was no answer, or one without an errcode. */
  readonly errcode: string | null
  /** How long the homeserver wants no call, in milliseconds; null when it does not say. */
  readonly retryAfterMs: number | null

  constructor({ kind, operation, status, code, retryAfterMs }: HomeserverErrorOptions) {
    super(`Homeserver call ${operation}: ${[kind, status, code].filter(part => part !== undefined).join(' ')}`)
    this.kind = kind
    this.status = status ?? null
    this.errcode = status === undefined ? null : (code ?? null)
    this.retryAfterMs = retryAfterMs ?? null
  }

  /** Whether the same call can have another outcome later on. */
  get retryable(): boolean {
    return RETRYABLE.has(this.kind)
  }

  /** Whether nobody knows what became of the call: it may be carried out later than calls that follow it. */
  get unanswered(): boolean {
    return this.kind === 'unavailable' && this.errcode === null
  }
}

/** What a call comes to, with a failure of one kind taken as an outcome. */
export async function ifFailedAs<T, U>(kind: HomeserverErrorKind, outcome: U, call: Promise<T>): Promise<T | U> {
  try {
    return await call
  } catch (error) {
    if (error instanceof HomeserverError && error.kind === kind) return outcome
    throw error
  }
}

/** An unsuccessful answer, as far as it could be read. */
export interface ErrorAnswer {
  readonly status: number
  /** The parsed body; undefined when it is not JSON. */
  readonly body: unknown
  /** The Retry-After header. */
  readonly retryAfter: string | undefined
}

/** @param asService whether the call carried the `as_token`, and not the token of a user */
export function errorOf(operation: string, answer: ErrorAnswer, asService: boolean): HomeserverError {
  const { errcode, error, retry_after_ms } = fieldsOf(answer.body)
  const code = typeof errcode === 'string' && ERRCODE.test(errcode) ? errcode : undefined
  const kind = kindOf(answer.status, code, error)
  const isOurToken = asService && (code === 'M_UNKNOWN_TOKEN' || code === 'M_MISSING_TOKEN')
  return new HomeserverError({
    kind: kind === 'unauthorized' && isOurToken ? 'misconfigured' : kind,
    operation,
    status: answer.status,
    code,
    retryAfterMs: waitOf(retry_after_ms, answer.retryAfter)
  })
}

// Anything else in that place could be text of the body.
const ERRCODE = /^[A-Z][A-Z0-9_.]{0,99}$/

/** The errcodes that say what their status does. With another one, or none, it is not the homeserver that answered. */
const MEANINGS: Readonly<Record<number, { kind: HomeserverErrorKind; errcodes: ReadonlySet<string> }>> = {
  400: {
    kind: 'bad_request',
    errcodes: new Set(['M_BAD_JSON', 'M_NOT_JSON', 'M_INVALID_PARAM', 'M_MISSING_PARAM', 'M_EXCLUSIVE', 'M_TOO_LARGE'])
  },
  401: { kind: 'unauthorized', errcodes: new Set(['M_UNKNOWN_TOKEN', 'M_MISSING_TOKEN', 'M_USER_LOCKED']) },
  403: {
    kind: 'forbidden',
    // M_BAD_STATE: an invite of somebody who is banned, or a join by them.
    errcodes: new Set(['M_FORBIDDEN', 'M_USER_DEACTIVATED', 'M_USER_SUSPENDED', 'M_INVITE_BLOCKED', 'M_BAD_STATE'])
  },
  // Synapse has no code of its own for an unknown user at login and for a room that everybody left.
  404: { kind: 'not_found', errcodes: new Set(['M_NOT_FOUND', 'M_UNKNOWN']) },
  413: { kind: 'bad_request', errcodes: new Set(['M_TOO_LARGE']) },
  429: { kind: 'too_many_requests', errcodes: new Set(['M_LIMIT_EXCEEDED']) }
}

const IN_USE: ReadonlySet<string | undefined> = new Set(['M_ROOM_IN_USE', 'M_USER_IN_USE'])

function kindOf(status: number, errcode: string | undefined, error: unknown): HomeserverErrorKind {
  if (errcode === undefined) return 'unavailable'
  if (status === 409 || (status === 400 && IN_USE.has(errcode))) return 'conflict'
  // The one rate limit that Synapse does not answer as such.
  if (status === 400 && error === 'Cannot invite so many users at once') return 'too_many_requests'
  const meaning = MEANINGS[status]
  return meaning?.errcodes.has(errcode) ? meaning.kind : 'unavailable'
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? { ...body } : {}
}

function waitOf(milliseconds: unknown, header: string | undefined): number | undefined {
  return boundedWait(typeof milliseconds === 'number' ? milliseconds : Number(header ?? Number.NaN) * 1000)
}
