import { DatabaseError } from 'pg'

/** What went wrong with a statement, as far as it matters for what is done next. */
export type ErrorKind =
  /** PostgreSQL took everything back because of a concurrent transaction: a serialization failure, or a deadlock. */
  | 'rolled-back'
  /** Nothing was run: the connection holds a prepared statement that the schema has left behind. */
  | 'stale-plan'
  /** The connection is gone, and whether the statement took effect is not known. */
  | 'connection-lost'
  /** Nothing was written: the server is a standby, or was set to be read only. Another connection may find the primary. */
  | 'read-only'
  /** Nothing was written: the disk is full, or fails. */
  | 'storage-failing'
  /** Nothing was done: the server is short of memory or of connections. */
  | 'short-of-resources'
  /** Nothing was done: it took too long, or something else was in its way. */
  | 'too-slow'
  /** The statement is at fault. */
  | 'statement-error'
  /** Anything else. */
  | 'unknown'

export interface Consequences {
  /** Whether the connection serves other statements, or is closed. */
  readonly keepsConnection: boolean
  /** Whether it is run again: always, as nothing was done; or only what is idempotent, as it may have taken effect. */
  readonly retry: 'always' | 'if-idempotent' | 'never'
  /** What the client is told when that does not help; a fault is an internal error. */
  readonly told: 'unavailable' | 'conflict' | 'fault'
  /** Whether nothing can be written any more, so that the service is not ready until something was. */
  readonly refusesWrites: boolean
}

const USABLE = { keepsConnection: true, refusesWrites: false }
const DROPPED = { keepsConnection: false, refusesWrites: false }

/** What each kind of error comes to. */
export const CONSEQUENCES: Readonly<Record<ErrorKind, Consequences>> = {
  'rolled-back': { ...USABLE, retry: 'always', told: 'conflict' },
  'stale-plan': { ...DROPPED, retry: 'always', told: 'unavailable' },
  'connection-lost': { ...DROPPED, retry: 'if-idempotent', told: 'unavailable' },
  'read-only': { keepsConnection: false, refusesWrites: true, retry: 'always', told: 'unavailable' },
  'storage-failing': { keepsConnection: true, refusesWrites: true, retry: 'never', told: 'unavailable' },
  'short-of-resources': { ...DROPPED, retry: 'never', told: 'unavailable' },
  'too-slow': { ...USABLE, retry: 'never', told: 'unavailable' },
  'statement-error': { ...USABLE, retry: 'never', told: 'fault' },
  unknown: { ...DROPPED, retry: 'never', told: 'fault' }
}

/**
 * The kind of each SQLSTATE, the first that matches; any other is the statement's own fault. Severity would say which of
 * them end the session, but in the language of the server.
 */
const SQL_STATES: readonly (readonly [codes: RegExp, kind: ErrorKind])[] = [
  // Serialization failure, deadlock.
  [/^40(001|P01)$/, 'rolled-back'],
  // A broken connection, but for 08P01, a wrong number of values. 40003: whether it was completed is not known.
  [/^(08(?!P01)|40003)/, 'connection-lost'],
  // A shutdown, a crash of another backend, a start or recovery, a database that is gone, a session that was idle.
  [/^57P0/, 'connection-lost'],
  // A time limit of the transaction.
  [/^25P0[34]/, 'connection-lost'],
  // A prepared statement that is not there.
  [/^26000$/, 'stale-plan'],
  [/^25006$/, 'read-only'],
  // Disk full; an error of the operating system, mostly of its disk.
  [/^(53100|58)/, 'storage-failing'],
  // Out of memory, too many connections. 53400 is a limit that somebody has set: also how ours are raised.
  [/^53(?!400)/, 'short-of-resources'],
  // Canceled by its time limit or an operator; a lock that cannot be had; an object in use.
  [/^(57014|55P03|55006)$/, 'too-slow']
]

/** System errors of a connection that broke, or cannot be made. */
const LOST_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENOTCONN'
])
/** node-postgres has only texts for these. */
const LOST_TEXTS =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/

/** The server of a connection says, without having been told to write, that it would not. */
export class ReadOnlyError extends Error {
  override readonly name = 'ReadOnlyError'

  constructor() {
    super('The database server takes no writes: it is a standby, or read only')
  }
}

/** What kind of error node-postgres, or the system below it, has thrown. */
export function classifyError(error: unknown): ErrorKind {
  if (error instanceof DatabaseError) return kindOfSqlState(error)
  if (error instanceof ReadOnlyError) return 'read-only'
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return LOST_CODES.has(code) || LOST_TEXTS.test(error.message) ? 'connection-lost' : 'unknown'
}

function kindOfSqlState({ code = '', routine }: DatabaseError): ErrorKind {
  // "cached plan must not change result type" shares its code with everything that is not supported.
  if (routine === 'RevalidateCachedQuery') return 'stale-plan'
  // The row was on its way into the default partition when one was attached that is meant for it.
  if (routine === 'ExecPartitionCheckEmitError') return 'rolled-back'
  return SQL_STATES.find(([codes]) => codes.test(code))?.[1] ?? 'statement-error'
}
