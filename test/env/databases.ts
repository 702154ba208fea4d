import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, inject } from 'vitest'
import { createLogger, type Logger } from '../../src/observability/logger.ts'
import { Database, type DatabaseOptions } from '../../src/storage/db/database.ts'
import { paced } from './pace.ts'
import { createDatabase } from './postgres.ts'

const ROOT = new URL('../../', import.meta.url)

/** The PostgreSQL server of this run; null when none is installed. */
export const postgresUrl = inject('postgresUrl')

/** As `describe`; skipped, which the end of the run says aloud, where no PostgreSQL is installed. */
export const describeWithPostgres = describe.skipIf(postgresUrl === null)
export const describeWithRedis = describe.skipIf(!inject('hasRedis'))
export const describeWithNats = describe.skipIf(!inject('hasNats'))

export const LIMITS = { poolSize: 4, connectTimeoutMs: paced(20_000), statementTimeoutMs: paced(20_000) }
export const silent = createLogger({ level: 'silent', format: 'json' })

/** The URL of an empty PostgreSQL database. */
export async function freshPostgres(): Promise<string> {
  if (postgresUrl === null) throw new Error('PostgreSQL is not installed')
  return createDatabase(postgresUrl)
}

export interface Folder extends AsyncDisposable {
  readonly path: string
}

/** A folder that is gone afterwards. */
export async function freshFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'social-data-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A data folder with an empty embedded database: opened in a tenth of the time that it takes to make one. */
export async function freshDataDir(): Promise<Folder> {
  const folder = await freshFolder()
  await cp(join(await template(), 'postgres'), join(folder.path, 'postgres'), { recursive: true })
  return folder
}

/** Runs a suite on each kind of database that a service can have. */
export function describeEachDatabase(name: string, suite: (kind: Database['kind']) => void): void {
  describe(`${name}, embedded`, () => suite('embedded'))
  describeWithPostgres(`${name}, on PostgreSQL`, () => suite('postgres'))
}

export interface FreshDatabase extends AsyncDisposable {
  readonly db: Database
  /** With which it was opened, and can be opened again. */
  readonly options: DatabaseOptions
}

/** A new and empty database, which is closed afterwards. */
export async function freshDatabase(
  kind: Database['kind'],
  settings: Partial<typeof LIMITS> = {},
  logger: Logger = silent
): Promise<FreshDatabase> {
  const folder = kind === 'embedded' ? await freshDataDir() : null
  const limits = { ...LIMITS, ...settings }
  const options = folder ? { ...limits, dataDir: folder.path } : { ...limits, url: await freshPostgres() }
  const db = await Database.open(options, logger)
  return {
    db,
    options,
    async [Symbol.asyncDispose]() {
      await db.close()
      await folder?.[Symbol.asyncDispose]()
    }
  }
}

/** Made once and kept, for each version of the engine. It has no schema: that is always the one of the sources. */
async function template(): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL('node_modules/@electric-sql/pglite/package.json', ROOT), 'utf8'))
  const path = fileURLToPath(new URL(`.cache/embedded-${version}`, ROOT))
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}`
    const db = await Database.open({ ...LIMITS, dataDir: draft }, silent)
    await db.close()
    // Another process may have been faster: its template is as good.
    await rename(draft, path).catch(() => rm(draft, { recursive: true }))
  }
  return path
}
