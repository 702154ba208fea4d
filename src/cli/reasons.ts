import { SocialError } from '../domain/errors.ts'

interface Failure {
  /** A SQLSTATE, or the code of Node for an error of the system or of TLS; of what was thrown, or of what caused that. */
  readonly code: string
  readonly message: string
  readonly hostname: string
}

/** What was thrown, or what caused it where that knows more. */
export function failureOf(error: unknown): Failure {
  const { code, message, hostname, cause } = error as Record<string, unknown>
  const hasOwn = typeof code === 'string' && !(error instanceof SocialError)
  if (cause !== undefined && !hasOwn) return failureOf(cause)
  const text = typeof message === 'string' ? message : String(error)
  return { code: hasOwn ? code : '', message: text.split('\n', 1)[0] ?? '', hostname: String(hostname ?? '') }
}

/** By SQLSTATE, or by the code of the system. */
const OF_DATABASE: ReadonlyMap<string, string> = new Map([
  ['28P01', 'The database refuses the password: set the right one in DATABASE_URL, or DB_PASSWORD.'],
  [
    '28000',
    'The database lets this user not in: does the role exist, and does pg_hba.conf allow it from here, with or without TLS (sslmode)?'
  ],
  ['3D000', 'There is no such database on the server: create it, or set the right name in DATABASE_URL.'],
  [
    '42501',
    'The database does not let this user make tables: "grant create on schema public to <user>", as its owner.'
  ],
  ['3F000', 'The database has no schema to make tables in: create one that is on the search_path of this user.'],
  ['25006', 'The database is read-only: DATABASE_URL must name the primary.'],
  ['53300', 'The database has no connection left: raise its max_connections, or lower DATABASE_POOL_SIZE.'],
  ['57P03', 'The database is starting or stopping: try again in a moment.'],
  ['53100', 'The disk of the database is full: make room there.'],
  ['ENOENT', 'There is no such file or socket: is the path in DATABASE_URL right (host, sslrootcert, sslcert, sslkey)?']
])
const UNREACHABLE = 'The database cannot be reached: is it running, and is DATABASE_URL right?'

const UNKNOWN_HOST = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME'])
/** Of OpenSSL, by which it says that a certificate is not trusted. */
const CERTIFICATE = /CERT|SIGNATURE|ISSUER/
const NO_PASSWORD = /client password must be a string/
const POOLER = /unsupported startup parameter/

/** What is wrong with the database, and what to do, in one line. */
export function databaseReason(error: unknown): string {
  const { code, message, hostname } = failureOf(error)
  const detail = code === '' ? message : `${code}: ${message}`
  if (POOLER.test(message)) {
    return `DATABASE_URL leads to a pooler that takes no settings of sessions (${message}): connect directly.`
  }
  if (NO_PASSWORD.test(message)) return 'The database asks for a password: set it in DATABASE_URL, or DB_PASSWORD.'
  if (UNKNOWN_HOST.has(code))
    return `The host of the database, ${hostname}, is unknown (${code}): correct DATABASE_URL.`
  if (CERTIFICATE.test(code)) {
    return `The certificate of the database is not trusted (${detail}): set sslrootcert=<file> in DATABASE_URL.`
  }
  const known = OF_DATABASE.get(code)
  if (known === undefined && /SSL|TLS/.test(message)) {
    return `The database and this service do not agree on TLS (${detail}): correct sslmode in DATABASE_URL.`
  }
  return `${known ?? UNREACHABLE} (${detail})`
}

export const POOLED =
  'DATABASE_URL leads to a pooler that shares sessions (such as PgBouncer in transaction mode), which loses prepared statements and settings of sessions: connect directly, or use session mode.'

/** What is wrong with the address to listen on, and what to do; null when that is not what failed. */
export function listenReason(error: unknown): string | null {
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const { hostname } = failureOf(error)
  if (code === 'EADDRINUSE') return `Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`
  if (code === 'EACCES' && syscall === 'listen') {
    return `Port ${port} is not for this user (EACCES): set HTTP_PORT and RPC_PORT to 1024 or more, or allow it to the process.`
  }
  if (code === 'EADDRNOTAVAIL') {
    return `The address ${address} is none of this machine (EADDRNOTAVAIL): set HOST to one that is, or to 0.0.0.0.`
  }
  if (code === 'EAFNOSUPPORT')
    return `The address ${address} is of a kind that this machine has not (EAFNOSUPPORT): set HOST.`
  if (UNKNOWN_HOST.has(code ?? '') && syscall === 'getaddrinfo') {
    return `The host ${hostname} is unknown (${code}): set HOST to an address of this machine.`
  }
  return null
}
