import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createDatabase, PostgresServer } from '../../test/env/postgres.ts'
import { RedisServer } from '../../test/env/redis.ts'
import { postmasterOf } from '../cpu.ts'
import { performBy, Service } from '../processes.ts'
import { seed } from '../seed.ts'
import type { ClusterJob, InstanceAccess, Line, WorkloadName } from './job.ts'
import type { ClusterOptions } from './options.ts'
import { worldOf } from './population.ts'
import { METRICS_TOKEN } from './service-metrics.ts'

const LOAD = new URL('./load.ts', import.meta.url)
/** Connections of each instance to PostgreSQL: the default of the service. */
const CONNECTIONS = 20

/** Measures one after the other, each with two instances of its own. */
export async function runAll(options: ClusterOptions, signal: AbortSignal): Promise<Line[]> {
  if (options.profile) await mkdir(options.profile, { recursive: true })
  await using postgres = await PostgresServer.start({ durable: true })
  await using redis = await RedisServer.start()
  const databaseUrl = await createDatabase(postgres.url)
  const servers = { databaseUrl, redisUrl: redis.url, redis: redis.pid, postmaster: await postmasterOf(databaseUrl) }
  // The first start makes the tables.
  await (await start(servers, options, 'first'))[Symbol.asyncDispose]()
  const from = performance.now()
  await seed(databaseUrl, worldOf(options.clients))
  said('The world', from)
  const lines: Line[] = []
  for (const workload of options.workloads) lines.push(...(await run(workload, servers, options, signal)))
  return lines
}

interface Servers {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** The ids of their processes. */
  readonly redis: number
  readonly postmaster: number
}

async function run(workload: WorkloadName, servers: Servers, options: ClusterOptions, signal: AbortSignal) {
  const from = performance.now()
  await using one = await start(servers, options, `${workload}-1`)
  await using other = await start(servers, options, `${workload}-2`)
  const access = ({ pid, httpUrl, rpcUrl }: Service): InstanceAccess => ({ pid, http: httpUrl, rpc: rpcUrl })
  const { seconds, clients, rate } = options
  const { postmaster, redis } = servers
  const job: ClusterJob = {
    workload,
    seconds,
    clients,
    rate,
    instances: [access(one), access(other)],
    watched: { instances: [one.pid, other.pid], postmaster, redis }
  }
  const lines = await performBy<Line[]>(LOAD, job, signal)
  said(workload, from)
  return lines
}

function start({ databaseUrl, redisUrl }: Servers, { clients, profile }: ClusterOptions, name: string) {
  return Service.start({
    databaseUrl,
    connections: CONNECTIONS,
    sockets: clients,
    settings: { REDIS_URL: redisUrl, METRICS_TOKEN },
    ...(profile && { profile: { folder: resolve(profile), name: `${name}.cpuprofile` } })
  })
}

function said(what: string, from: number): void {
  console.log(`${what}: done in ${((performance.now() - from) / 1000).toFixed(1)} s`)
}
