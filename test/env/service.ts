import type { Overrides } from '../../src/app/app.ts'
import type { Database } from '../../src/storage/db/database.ts'
import { Env } from './app.ts'
import { freshPostgres } from './databases.ts'

/** Starts the service over a new database of a kind. */
export async function startOn(
  kind: Database['kind'],
  settings: Record<string, string> = {},
  overrides: Overrides = {}
): Promise<Env> {
  const database: Record<string, string> = kind === 'postgres' ? { DATABASE_URL: await freshPostgres() } : {}
  return Env.start({ ...database, ...settings }, overrides)
}

/** The time of a service under test, in unix milliseconds: it stands still until it is moved. */
export class Clock {
  at = Date.now()
  readonly now = (): number => this.at
}
