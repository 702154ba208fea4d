import { resolve } from 'node:path'
import { Service } from '../processes.ts'
import type { InstanceAccess } from './job.ts'
import { METRICS_TOKEN } from './service-metrics.ts'
import type { Watched } from './usage.ts'

/** Connections of each instance to PostgreSQL: the default of the service. */
const CONNECTIONS = 20

/** What all instances stand upon. */
export interface Servers {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** The ids of their processes. */
  readonly redis: number
  readonly postmaster: number
}

interface InstanceOptions {
  /** Sockets of each instance. */
  readonly sockets: number
  /** Environment variables over those of every measurement. */
  readonly settings?: Readonly<Record<string, string>>
  /** A folder for their CPU profiles, or null. */
  readonly profile: string | null
  /** How the profiles begin. */
  readonly name: string
}

/** Several instances over the same servers, from their start until they are disposed of. */
export class Instances implements AsyncDisposable {
  readonly services: readonly Service[]
  readonly #servers: Servers

  private constructor(services: readonly Service[], servers: Servers) {
    this.services = services
    this.#servers = servers
  }

  /** All at the same time. @throws Error when one does not start: then none is left */
  static async start(count: number, servers: Servers, options: InstanceOptions): Promise<Instances> {
    const starts = Array.from({ length: count }, (_, at) => startOne(servers, options, at + 1))
    const results = await Promise.allSettled(starts)
    const services = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const instances = new Instances(services, servers)
    const failed = results.find(result => result.status === 'rejected')
    if (failed) {
      await instances[Symbol.asyncDispose]()
      throw failed.reason
    }
    return instances
  }

  get access(): readonly InstanceAccess[] {
    return this.services.map(({ pid, httpUrl, rpcUrl }) => ({ pid, http: httpUrl, rpc: rpcUrl }))
  }

  get watched(): Watched {
    const { postmaster, redis } = this.#servers
    return { instances: this.services.map(({ pid }) => pid), postmaster, redis }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.services.map(service => service[Symbol.asyncDispose]()))
  }
}

function startOne({ databaseUrl, redisUrl }: Servers, options: InstanceOptions, number: number): Promise<Service> {
  const { sockets, settings, profile, name } = options
  return Service.start({
    databaseUrl,
    connections: CONNECTIONS,
    sockets,
    settings: { REDIS_URL: redisUrl, METRICS_TOKEN, ...settings },
    ...(profile && { profile: { folder: resolve(profile), name: `${name}-${number}.cpuprofile` } })
  })
}
