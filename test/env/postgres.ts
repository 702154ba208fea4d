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

interface ServerOptions {
  readonly durable: boolean
  readonly folder?: string
  readonly settings?: readonly string[]
}

/** A PostgreSQL cluster of its own, in a folder that goes with it, on a port of its own. */
export class PostgresServer extends TestServer implements AsyncDisposable {
  readonly #place: Place

  private constructor(place: Place, process: ServerProcess) {
    super(process)
    this.#place = place
  }

  /**
   * @param options.durable whether what was committed must survive a crash, as it does in production
   * @param options.settings more of them, each `name=value`
   * @param options.folder an empty folder for it, which stays; a new one unless one is given
   */
  static async start(options: ServerOptions): Promise<PostgresServer> {
    const place = await newPlace(options.folder)
    const initial = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
    await runIn(place, 'initdb', [...initial, '--pgdata', place.data])
    const settings = (options.settings ?? []).flatMap(setting => ['-c', setting])
    return PostgresServer.#startIn(place, [...(options.durable ? [] : CARELESS), ...settings])
  }

  static async #startIn(place: Place, settings: readonly string[]): Promise<PostgresServer> {
    const { data, port, programs, owner, folder } = place
    const options = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-N', '200']
    const command = [join(programs, 'postgres'), ...options, ...settings]
    const process = new ServerProcess(command, () => isReady(urlOf(port, 'postgres')), { ...owner, cwd: folder })
    await process.start()
    return new PostgresServer(place, process)
  }

  /** Starts a hot standby of this server: a server of its own, which takes reads and no writes until it is promoted. */
  async startStandby(): Promise<PostgresServer> {
    const place = await newPlace()
    await copyFrom(this.url, place)
    return PostgresServer.#startIn(place, [])
  }

  /** Makes a standby the primary. */
  async promote(): Promise<void> {
    await execute(this.url, 'select pg_promote()')
  }

  /** Starts it again as a hot standby of another one, over a copy of that one's data. */
  async follow(primary: PostgresServer): Promise<void> {
    await this.stop('immediate')
    await rm(this.#place.data, { recursive: true })
    await copyFrom(primary.url, this.#place)
    await this.start()
  }

  get url(): string {
    return urlOf(this.#place.port, 'postgres')
  }

  /** As {@link url}, over a unix socket. */
  get socketUrl(): string {
    return `postgres://postgres@/postgres?host=${this.#place.folder}&port=${this.#place.port}`
  }

  /** The last lines of its log. */
  get log(): string {
    return this.process.output
  }

  /** Ends it as a crash would (`immediate`: nothing is flushed), or in good order but without waiting (`fast`). */
  async stop(mode: 'immediate' | 'fast'): Promise<void> {
    await this.process.stop(mode === 'immediate' ? 'SIGQUIT' : 'SIGINT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw()
    await this.stop('fast')
    if (this.#place.isOwn) await rm(this.#place.folder, { recursive: true })
  }
}

/** Where a server is, and who runs it. */
interface Place {
  readonly folder: string
  /** Whether the folder was made for it. */
  readonly isOwn: boolean
  readonly data: string
  readonly port: number
  readonly programs: string
  readonly owner: ReturnType<typeof unprivileged>
}

async function newPlace(given?: string): Promise<Place> {
  const programs = postgresPrograms()
  if (!programs) throw new Error('PostgreSQL is not installed')
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'social-postgres-')))
  const owner = unprivileged()
  if (owner) await chown(folder, owner.uid, owner.gid)
  return { folder, isOwn: !given, data: join(folder, 'data'), port: await freePort(), programs, owner }
}

async function runIn({ programs, owner, folder }: Place, program: string, args: readonly string[]): Promise<void> {
  await run(join(programs, program), args, { ...owner, cwd: folder })
}

async function copyFrom(url: string, place: Place): Promise<void> {
  const settings = ['--write-recovery-conf', '--checkpoint=fast', '--no-sync']
  await runIn(place, 'pg_basebackup', ['--dbname', url, '--pgdata', place.data, ...settings])
}

/** Makes an empty database on a server, and gives its URL. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await execute(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}

/** The URL of the same database on another server. */
export function onServer(url: string, server: PostgresServer): string {
  const moved = new URL(url)
  moved.port = new URL(server.url).port
  return moved.href
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

/** Runs one statement, on a connection of its own. */
export async function execute(url: string, sql: string): Promise<void> {
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
