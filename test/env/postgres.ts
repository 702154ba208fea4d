import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { freePort } from './ports.ts'
import { findProgram, ServerProcess, TestServer } from './server-process.ts'

const run = promisify(execFile)

/** Where Debian keeps the programs of each version, which it does not put on the path. */
const DEBIAN = '/usr/lib/postgresql'
/** Without these a crash of the machine would lose data, and everything is several times faster. */
const CARELESS = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off']

/** The folder of PostgreSQL's programs, the newest ones; null when it is not installed. */
export function postgresPrograms(): string | null {
  const initdb = findProgram('initdb', debianFolders())
  return initdb && dirname(initdb)
}

/** A PostgreSQL cluster of its own, in a folder that goes with it, on a port of its own. */
export class PostgresServer extends TestServer implements AsyncDisposable {
  readonly #port: number
  readonly #folder: string

  private constructor(port: number, folder: string, process: ServerProcess) {
    super(process)
    this.#port = port
    this.#folder = folder
  }

  /** @param options.durable whether what was committed must survive a crash, as it does in production */
  static async start({ durable }: { readonly durable: boolean }): Promise<PostgresServer> {
    const programs = postgresPrograms()
    if (!programs) throw new Error('PostgreSQL is not installed')
    const folder = await mkdtemp(join(tmpdir(), 'social-postgres-'))
    const owner = unprivileged()
    if (owner) await chown(folder, owner.uid, owner.gid)
    const data = join(folder, 'data')
    const settings = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
    await run(join(programs, 'initdb'), [...settings, '--pgdata', data], { ...owner, cwd: folder })

    const port = await freePort()
    const options = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-N', '200']
    const command = [join(programs, 'postgres'), ...options, ...(durable ? [] : CARELESS)]
    const server = new ServerProcess(command, () => isReady(urlOf(port, 'postgres')), { ...owner, cwd: folder })
    await server.start()
    return new PostgresServer(port, folder, server)
  }

  get url(): string {
    return urlOf(this.#port, 'postgres')
  }

  /** As {@link url}, over a unix socket. */
  get socketUrl(): string {
    return `postgres://postgres@/postgres?host=${this.#folder}&port=${this.#port}`
  }

  /** Ends it as a crash would (`immediate`: nothing is flushed), or in good order but without waiting (`fast`). */
  async stop(mode: 'immediate' | 'fast'): Promise<void> {
    await this.process.stop(mode === 'immediate' ? 'SIGQUIT' : 'SIGINT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw()
    await this.stop('fast')
    await rm(this.#folder, { recursive: true })
  }
}

/** Makes an empty database on a server, and gives its URL. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await execute(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}

/** Breaks every other connection to a database. */
export async function terminateConnections(url: string): Promise<void> {
  const others = 'datname = current_database() and pid <> pg_backend_pid()'
  await execute(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)
}

async function isReady(url: string): Promise<boolean> {
  return execute(url, 'select 1').then(
    () => true,
    () => false
  )
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package has made. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (kind: '-u' | '-g'): number => Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
    return versions.map(version => join(DEBIAN, version, 'bin'))
  } catch {
    return []
  }
}
