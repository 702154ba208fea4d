import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort } from './ports.ts'
import { unprivileged } from './postgres.ts'
import { findProgram, ServerProcess, TestServer } from './server-process.ts'

/** The program, or null when it is not installed. */
export function pgbouncerProgram(): string | null {
  return findProgram('pgbouncer', ['/usr/sbin'])
}

/** A pooler in front of one database. */
export class PgBouncer extends TestServer implements AsyncDisposable {
  readonly url: string
  readonly #folder: string

  private constructor(url: string, folder: string, process: ServerProcess) {
    super(process)
    this.url = url
    this.#folder = folder
  }

  /** @param ignored settings of sessions that it takes and drops; it refuses all others */
  static async start(
    databaseUrl: string,
    mode: 'transaction' | 'session',
    ignored: readonly string[] = []
  ): Promise<PgBouncer> {
    const program = pgbouncerProgram()
    if (!program) throw new Error('PgBouncer is not installed')
    const { hostname, port, pathname, username } = new URL(databaseUrl)
    const ownPort = await freePort()
    const folder = await mkdtemp(join(tmpdir(), 'social-pgbouncer-'))
    const file = join(folder, 'pgbouncer.ini')
    const target = `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username}`
    const options = {
      listen_addr: '127.0.0.1',
      listen_port: ownPort,
      unix_socket_dir: '',
      auth_type: 'any',
      pool_mode: mode,
      ignore_startup_parameters: ignored.join(',')
    }
    const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`)
    await writeFile(file, ['[databases]', `pooled = ${target}`, '[pgbouncer]', ...lines, ''].join('\n'))
    const owner = unprivileged()
    if (owner) for (const path of [folder, file]) await chown(path, owner.uid, owner.gid)
    const url = `postgres://${username}@127.0.0.1:${ownPort}/pooled`
    const process = new ServerProcess([program, file], () => answers(url), { ...owner, cwd: folder })
    await process.start()
    return new PgBouncer(url, folder, process)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop('SIGKILL')
    await rm(this.#folder, { recursive: true })
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
