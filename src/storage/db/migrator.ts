import { setTimeout as wait } from 'node:timers/promises'
import { Kysely, type Migration, Migrator, PostgresDialect, sql } from 'kysely'
import type { PoolClient } from 'pg'
import type { Database } from './database.ts'

export type Migrations = Readonly<Record<string, Migration>>

/** The database cannot be used by this release; the message says what to do. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
}

const OLDEST_VERSION = 130_000
/** A lock that a migration could not have in the short time that it waits for it. */
const LOCK_TIMEOUT = '55P03'
/** How often it is tried again then, and after how long, in milliseconds: others go on in between. */
const MAX_ATTEMPTS = 30
const RETRY_MS = 500

/** A migration that runs these statements, one after the other. */
export function migration(statements: readonly string[]): Migration {
  return {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of statements) await sql.raw(statement).execute(db)
    }
  }
}

/**
 * Brings the schema up to date: each migration once, in the order of the names, all in one transaction, under a lock
 * of the database, so that several instances may start at once. A lock of a table that cannot be had soon is waited for
 * in short tries, half a minute in all, so that those who use the table do not queue up behind it.
 * @throws SchemaError when PostgreSQL is older than 13, or when a newer release has migrated the database before
 */
export async function migrate(database: Database, migrations: Migrations): Promise<void> {
  await database.maintain(async client => {
    await refuseOldServer(client)
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOf(client) }) })
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
    for (let attempt = 1; ; attempt++) {
      const { error } = await migrator.migrateToLatest()
      if (error === undefined) return
      if (attempt < MAX_ATTEMPTS && isLockTimeout(error)) {
        await wait(RETRY_MS)
        continue
      }
      await refuseNewerSchema(client, migrations)
      throw error
    }
  })
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === LOCK_TIMEOUT
}

async function refuseOldServer(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version`
  )
  const [server] = rows
  if (server && server.number < OLDEST_VERSION) {
    throw new SchemaError(`PostgreSQL ${server.version} is too old: version 13 or newer is needed`)
  }
}

/** Kysely calls such a database corrupt; what happened is that an older release was started. */
async function refuseNewerSchema(client: PoolClient, migrations: Migrations): Promise<void> {
  const applied = client.query<{ name: string }>('select name from kysely_migration order by name')
  const { rows } = await applied.catch(() => ({ rows: [] }))
  const unknown = rows.map(({ name }) => name).filter(name => !(name in migrations))
  if (unknown.length > 0) {
    throw new SchemaError(
      `The database was migrated by a newer release, which knows ${unknown.join(', ')}: run that release or a later one`
    )
  }
}

/** One connection as the pool that Kysely expects; its owner releases it. */
function poolOf(client: PoolClient) {
  const borrowed = { query: client.query.bind(client), release: () => {} }
  return { connect: async () => borrowed, end: async () => {} }
}
