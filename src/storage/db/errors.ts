import { DatabaseError } from 'pg'

/**
 * What a failed statement means for what may be done next:
 * - `undone`: PostgreSQL took everything back because of a concurrent transaction; it may be run again as it is;
 * - `stale`: nothing was run, because the connection holds a statement that the schema has left behind; a new
 *   connection has it right;
 * - `lost`: the connection is gone, and whether the statement took effect is not known;
 * - `refused`: the statement is at fault, the connection is as good as before;
 * - `unforeseen`: anything else; the connection is not to be trusted.
 */
export type Failure = 'undone' | 'stale' | 'lost' | 'refused' | 'unforeseen'

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const INVALID_STATEMENT_NAME = '26000'

/**
 * SQLSTATEs that end the session: a shutdown, a crash of another backend, a time limit on an idle transaction, a broken
 * connection. Severity would say it too, but in the language of the server. 08P01 is a wrong number of values.
 */
const SESSION_ENDED = /^(57P0|25P0[34]|08(?!P01))/

/** System errors of a connection that broke. */
const LOST = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH'
])
/** node-postgres has only texts for these. */
const LOST_TEXTS =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/

export function failureOf(error: unknown): Failure {
  if (error instanceof DatabaseError) return failureOfStatement(error)
  if (!(error instanceof Error)) return 'unforeseen'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return LOST.has(code) || LOST_TEXTS.test(error.message) ? 'lost' : 'unforeseen'
}

function failureOfStatement({ code = '', routine }: DatabaseError): Failure {
  if (SESSION_ENDED.test(code)) return 'lost'
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK_DETECTED) return 'undone'
  // "cached plan must not change result type" shares its code with everything that is not supported.
  if (code === INVALID_STATEMENT_NAME || routine === 'RevalidateCachedQuery') return 'stale'
  return 'refused'
}
