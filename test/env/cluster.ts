import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createWallet } from '../../demo/wallet.ts'
import { Device } from './device.ts'
import { logIn } from './login.ts'
import { createDatabase, PostgresServer } from './postgres.ts'
import { RedisServer } from './redis.ts'
import { freePort, ServerProcess } from './server-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BUILD = join(ROOT, `.cache/cluster-${process.pid}`)

/** So often as no person acts, and a grace that a test can wait for. */
const SETTINGS = {
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
  LOG_FORMAT: 'json',
  SHUTDOWN_GRACE: '10s',
  ACTIONS_PER_MINUTE: '1000000',
  PAIR_ACTIONS_PER_MINUTE: '1000000',
  LOGINS_PER_MINUTE: '1000000',
  CALLS_PER_SECOND: '1000000'
}

/** One instance of the service, as a process of its own that can be ended in every way. */
export class Instance {
  readonly httpUrl: string
  readonly rpcUrl: string
  readonly process: ServerProcess

  private constructor(httpPort: number, rpcPort: number, env: Readonly<Record<string, string>>) {
    this.httpUrl = `http://127.0.0.1:${httpPort}`
    this.rpcUrl = `ws://127.0.0.1:${rpcPort}`
    const ports = { HTTP_PORT: String(httpPort), RPC_PORT: String(rpcPort) }
    const command = [process.execPath, join(BUILD, 'main.js')]
    this.process = new ServerProcess(command, () => this.health('startup'), { env: { ...SETTINGS, ...env, ...ports } })
  }

  static async create(env: Readonly<Record<string, string>>): Promise<Instance> {
    return new Instance(await freePort(), await freePort(), env)
  }

  /** Whether it says that it is well. */
  async health(question: 'startup' | 'ready'): Promise<boolean> {
    return fetch(`${this.httpUrl}/health/${question}`).then(
      ({ ok }) => ok,
      () => false
    )
  }
}

/** Several instances over one PostgreSQL and one Redis, all of them real processes that a test can end. */
export class Cluster implements AsyncDisposable {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly databaseUrl: string
  readonly instances: readonly Instance[]

  private constructor(
    postgres: PostgresServer,
    redis: RedisServer,
    databaseUrl: string,
    instances: readonly Instance[]
  ) {
    this.postgres = postgres
    this.redis = redis
    this.databaseUrl = databaseUrl
    this.instances = instances
  }

  /** @param settings environment variables of every instance */
  static async start(count: number, settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    await build()
    const postgres = await PostgresServer.start({ durable: true })
    const redis = await RedisServer.start()
    const databaseUrl = await createDatabase(postgres.url)
    const env = { DATABASE_URL: databaseUrl, REDIS_URL: redis.url, ...settings }
    const instances = await Promise.all(Array.from({ length: count }, () => Instance.create(env)))
    await Promise.all(instances.map(({ process }) => process.start()))
    return new Cluster(postgres, redis, databaseUrl, instances)
  }

  instance(index: number): Instance {
    const instance = this.instances[index % this.instances.length]
    if (!instance) throw new Error('The cluster has no instances')
    return instance
  }

  /** A new user with one device, logged in and not connected. */
  async device(): Promise<Device> {
    const wallet = await createWallet()
    return new Device(wallet.address, await logIn(this.instance(0).httpUrl, wallet))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.instances.map(({ process }) => process.stop('SIGKILL')))
    await this.redis[Symbol.asyncDispose]()
    await this.postgres[Symbol.asyncDispose]()
  }
}

let built: Promise<unknown> | undefined

/** Compiles the service, once for each process of tests: compiled, it starts several times faster. */
function build(): Promise<unknown> {
  built ??= promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', BUILD], {
    cwd: ROOT
  })
  process.once('exit', () => rmSync(BUILD, { recursive: true, force: true }))
  return built
}
