import { createHmac, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { paced } from '../pace.ts'
import { freePort } from '../ports.ts'
import { ServerProcess } from '../server-process.ts'
import { filesIn, type SynapseModule, writeConfiguration } from './configuration.ts'
import { ensureSynapse, PYTHON_FILES } from './installation.ts'

export interface SynapseOptions {
  /** `localhost` unless given. */
  readonly serverName?: string
  /** A free one unless given. */
  readonly port?: number
  /** Where its files are, and stay when it stops; a new folder that goes with it unless given. */
  readonly dir?: string
  readonly modules?: readonly SynapseModule[]
  /** Settings of Synapse over those of configuration.ts, such as real rate limits. */
  readonly overrides?: Readonly<Record<string, unknown>>
}

/** What anyone needs to use a homeserver that is registered to know this service. */
export interface SynapseAccess {
  readonly url: string
  readonly serverName: string
  readonly asToken: string
  readonly hsToken: string
  /** With it, {@link adminToken} makes an administrator. */
  readonly adminSecret: string
}

/** Starts a homeserver of one's own, in 1.5 s on an idle machine. Its log is `homeserver.log` in its folder. */
export async function startSynapse(options: SynapseOptions = {}): Promise<Synapse> {
  const { python, emptyDatabase } = await ensureSynapse()
  const { serverName = 'localhost', port = await freePort(), modules = [], overrides = {} } = options
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'synapse-')))
  const [asToken, hsToken, adminSecret] = [secret(), secret(), secret()]
  await writeConfiguration(dir, { serverName, port, asToken, hsToken, adminSecret, modules, overrides })
  const { configuration, database } = filesIn(dir)
  if (!existsSync(database)) await copyFile(emptyDatabase, database)

  const access = { url: `http://127.0.0.1:${port}`, serverName, asToken, hsToken, adminSecret }
  const command = [python, '-B', join(PYTHON_FILES, 'run.py'), '-c', configuration]
  const server = new ServerProcess(command, () => answers(`${access.url}/health`), { cwd: dir })
  const synapse = new Synapse(access, server, options.dir === undefined ? dir : null)
  try {
    await server.start()
  } catch (error) {
    await synapse.stop()
    throw error
  }
  return synapse
}

/** A running Synapse. It ends with this process at the latest. */
export class Synapse implements SynapseAccess, AsyncDisposable {
  readonly url: string
  readonly serverName: string
  readonly asToken: string
  readonly hsToken: string
  readonly adminSecret: string
  readonly #server: ServerProcess
  readonly #ownDir: string | null

  constructor(access: SynapseAccess, server: ServerProcess, ownDir: string | null) {
    this.url = access.url
    this.serverName = access.serverName
    this.asToken = access.asToken
    this.hsToken = access.hsToken
    this.adminSecret = access.adminSecret
    this.#server = server
    this.#ownDir = ownDir
  }

  /** Ends it with SIGKILL. What it had acknowledged is there again after {@link restart}, at the same URL. */
  async kill(): Promise<void> {
    await this.#server.stop('SIGKILL')
  }

  /** Starts it again, after a stop if it is running. */
  async restart(): Promise<void> {
    await this.#server.stop('SIGTERM')
    await this.#server.start()
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.#server.stop('SIGTERM')
    if (this.#ownDir !== null) await rm(this.#ownDir, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** The access token of a new administrator, for what only the admin API can do to a user. */
export async function adminToken({ url, adminSecret }: SynapseAccess): Promise<string> {
  const path = `${url}/_synapse/admin/v1/register`
  const { nonce } = (await (await fetch(path)).json()) as { nonce: string }
  const [username, password] = [`admin-${randomBytes(4).toString('hex')}`, secret()]
  const mac = createHmac('sha1', adminSecret).update([nonce, username, password, 'admin'].join('\0')).digest('hex')
  const body = JSON.stringify({ nonce, username, password, admin: true, mac })
  const { access_token } = (await (await fetch(path, { method: 'POST', body })).json()) as { access_token: string }
  return access_token
}

const secret = (): string => randomBytes(16).toString('hex')

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(paced(1_000)) }).then(
    response => response.ok,
    () => false
  )
}
