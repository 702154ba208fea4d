import { DatabaseError } from 'pg'

/**
 * What an error of a statement means for what may be done next:
 * - `rolled-back`: PostgreSQL took everything back because of a concurrent transaction (a serialization failure, or a
 *   deadlock); it may be run again as it is;
 * - `stale-plan`: nothing was run, because the connection holds a prepared statement that the schema has left behind; a
 *   new connection has it right;
 * - `connection-lost`: the connection is gone, and whether the statement took effect is not known;
 * - `statement-error`: the statement is at fault, the connection is as good as before;
 * - `unknown`: anything else; the connection is not to be trusted.
 */
export type ErrorKind = 'rolled-back' | 'stale-plan' | 'connection-lost' | 'statement-error' | 'unknown'

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const INVALID_STATEMENT_NAME = '26000'

/**
 * SQLSTATEs that end the session: a shutdown, a crash of another backend, a time limit on an idle transaction, a broken
 * connection. Severity would say it too, but in the language of the server. 08P01 is a wrong number of values.
 */
const SESSION_ENDED = /^(57P0|25P0[34]|08(?!P01))/

/** System errors of a connection that broke. */
const LOST_CODES = new Set([
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

/** What kind of error node-postgres, or the system below it, has thrown. */
export function classifyError(error: unknown): ErrorKind {
  if (error instanceof DatabaseError) return kindOfSqlState(error)
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return LOST_CODES.has(code) || LOST_TEXTS.test(error.message) ? 'connection-lost' : 'unknown'
}

function kindOfSqlState({ code = '', routine }: DatabaseError): ErrorKind {
  if (SESSION_ENDED.test(code)) return 'connection-lost'
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK_DETECTED) return 'rolled-back'
  // "cached plan must not change result type" shares its code with everything that is not supported.
  if (code === INVALID_STATEMENT_NAME || routine === 'RevalidateCachedQuery') return 'stale-plan'
  return 'statement-error'
}
