import type { PoolClient } from 'pg'
import type { Database } from './database.ts'

/** What a PostgreSQL server is like, as far as the service depends on it. */
export interface ServerFacts {
  /** As the server has it, such as `15.14`. */
  readonly version: string
  readonly database: string
  /** It refuses every write: a standby, or one that was set to. */
  readonly isReadOnly: boolean
  readonly isStandby: boolean
  /** A pooler in between gives every transaction another session of the server. */
  readonly sharesSessions: boolean
}

/** How often two connections look for a session that they share: another client may have taken it in between. */
const LOOKS = 5

const FACTS = `
  select current_setting('server_version'), current_database(), pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on'`
type FactsRow = [version: string, database: string, isStandby: boolean, isReadOnly: boolean]

/**
 * Connects, and looks at the server.
 * @throws SocialError `unavailable`, with what it was as its cause; an error of PostgreSQL
 */
export function inspectServer(db: Database): Promise<ServerFacts> {
  return db.maintain(async client => {
    const { rows } = await client.query<FactsRow>({ text: FACTS, rowMode: 'array' })
    const [version = '', database = '', isStandby = false, isReadOnly = false] = rows[0] ?? []
    return { version, database, isStandby, isReadOnly, sharesSessions: await sharesSessions(db, client) }
  })
}

/**
 * Whether two connections come to the same session of the server, or one of them to two: then nothing that belongs to a
 * session can be relied on, as prepared statements and settings do.
 */
async function sharesSessions(db: Database, client: PoolClient): Promise<boolean> {
  // A pooler makes up the process of a connection; a server has it right.
  const own = (client as PoolClient & { readonly processID: number | null }).processID
  const first = await sessionOf(client)
  if (first === own || db.connections.max < 2) return false
  return db.maintain(async other => {
    for (let look = 0; look < LOOKS; look++) {
      const before = await sessionOf(client)
      await other.query('begin')
      const [others, after] = [await sessionOf(other), await sessionOf(client)]
      await other.query('rollback')
      if (others === before || before !== after) return true
    }
    return false
  })
}

async function sessionOf(client: PoolClient): Promise<number | undefined> {
  const { rows } = await client.query<[number]>({ text: 'select pg_backend_pid()', rowMode: 'array' })
  return rows[0]?.[0]
}
