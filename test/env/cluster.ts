import { createWallet } from '../../demo/wallet.ts'
import { KeyDevice, TokenDevice } from './device.ts'
import { logIn } from './login.ts'
import { metric } from './metric.ts'
import { paced } from './pace.ts'
import { freePort } from './ports.ts'
import { createDatabase, PostgresServer } from './postgres.ts'
import { program } from './program.ts'
import { RedisServer } from './redis.ts'
import { ServerProcess } from './server-process.ts'

const METRICS_TOKEN = 'metrics'

/** So often as no person acts, and times that this machine can keep. */
const SETTINGS = {
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
  LOG_FORMAT: 'json',
  SHUTDOWN_GRACE: `${paced(10_000)}ms`,
  DATABASE_CONNECT_TIMEOUT: `${Math.min(60_000, paced(2_000))}ms`,
  METRICS_TOKEN,
  ACTIONS_PER_MINUTE: '1000000',
  PAIR_ACTIONS_PER_MINUTE: '1000000',
  SETTINGS_PER_MINUTE: '1000000',
  INCOMING_REQUESTS_PER_MINUTE: '1000000',
  LOGINS_PER_MINUTE: '1000000',
  CALLS_PER_SECOND: '1000000',
  MAX_REQUESTS_PER_USER: '1000000',
  FRAMES_PER_SECOND_PER_IP: '1000000',
  BYTES_PER_SECOND_PER_IP: '1024mb',
  FAILED_LOGINS_PER_MINUTE: '1000000',
  FRAMES_PER_SECOND_PER_CONNECTION: '1000000',
  BYTES_PER_SECOND_PER_CONNECTION: '1024mb'
}

type Settings = Readonly<Record<string, string>>

/** One instance of the service, as a process of its own that can be ended in every way. */
export class Instance {
  readonly httpUrl: string
  readonly rpcUrl: string
  readonly process: ServerProcess

  private constructor(command: readonly string[], httpPort: number, rpcPort: number, env: Settings) {
    this.httpUrl = `http://127.0.0.1:${httpPort}`
    this.rpcUrl = `ws://127.0.0.1:${rpcPort}`
    const ports = { HTTP_PORT: String(httpPort), RPC_PORT: String(rpcPort) }
    this.process = new ServerProcess(command, () => this.health('startup'), { env: { ...SETTINGS, ...env, ...ports } })
  }

  static async create(env: Settings): Promise<Instance> {
    return new Instance(await program(), await freePort(), await freePort(), env)
  }

  /** The value of a series of its metrics; NaN when there is none. */
  metric(series: string): Promise<number> {
    return metric(this.httpUrl, METRICS_TOKEN, series)
  }

  /** Whether it says that it is well. */
  async health(question: 'startup' | 'ready'): Promise<boolean> {
    return (await this.status(question)) === 200
  }

  /** The status with which it answers a question about its health; null when it does not answer. */
  async status(question: 'startup' | 'ready'): Promise<number | null> {
    return fetch(`${this.httpUrl}/health/${question}`).then(
      ({ status }) => status,
      () => null
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
  static async start(count: number, settings: Settings = {}): Promise<Cluster> {
    const postgres = await PostgresServer.start({ durable: true })
    const redis = await RedisServer.start()
    const databaseUrl = await createDatabase(postgres.url)
    const env = { DATABASE_URL: databaseUrl, REDIS_URL: redis.url, ...settings }
    const instances = await Promise.all(Array.from({ length: count }, () => Instance.create(env)))
    const cluster = new Cluster(postgres, redis, databaseUrl, instances)
    try {
      await Promise.all(instances.map(({ process }) => process.start()))
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  instance(index: number): Instance {
    const instance = this.instances[index % this.instances.length]
    if (!instance) throw new Error('The cluster has no instances')
    return instance
  }

  /** A new user with one v1 device, logged in and not connected. */
  async tokenDevice(): Promise<TokenDevice> {
    const wallet = await createWallet()
    return new TokenDevice(wallet.address, await logIn(this.instance(0).httpUrl, wallet))
  }

  /** A new user with one v2 device, not connected. */
  async keyDevice(): Promise<KeyDevice> {
    return new KeyDevice(await createWallet())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.instances.map(({ process }) => process.stop('SIGKILL')))
    await this.redis[Symbol.asyncDispose]()
    await this.postgres[Symbol.asyncDispose]()
  }
}
