import { mkdir } from 'node:fs/promises'
import { createDatabase, PostgresServer } from '../../test/env/postgres.ts'
import { RedisServer } from '../../test/env/redis.ts'
import { postmasterOf } from '../cpu.ts'
import { markdown } from '../markdown.ts'
import { performBy } from '../processes.ts'
import { seed } from '../seed.ts'
import type { World } from '../world.ts'
import { Instances, type Servers } from './instances.ts'
import { type ClusterJob, isOfTwo, type Line, type TwoInstances } from './job.ts'
import { cellsOf, HEAD } from './lines.ts'
import { manySockets } from './many/many-sockets.ts'
import type { ClusterOptions } from './options.ts'
import { circleOf, worldOf } from './population.ts'
import { compareScales, runsOf } from './scaling.ts'

const LOAD = new URL('./load.ts', import.meta.url)

/** Measures one after the other, each with instances of its own. @returns a table for each kind of measurement */
export async function runAll(options: ClusterOptions, signal: AbortSignal): Promise<string[]> {
  if (options.profile) await mkdir(options.profile, { recursive: true })
  await using postgres = await PostgresServer.start({ durable: true })
  await using redis = await RedisServer.start()
  const { workloads } = options
  const tables: string[] = []
  const ofTwo = workloads.filter(isOfTwo)
  if (ofTwo.length > 0 || workloads.includes('scaling')) {
    const world = worldOf(options.clients, workloads.includes('scaling') ? runsOf(options) : 1)
    const servers = await prepare(postgres, redis, world)
    const lines: Line[] = []
    for (const workload of ofTwo) lines.push(...(await run(workload, servers, options, signal)))
    if (lines.length > 0) tables.push(markdown([HEAD, ...lines.map(cellsOf)]))
    if (workloads.includes('scaling')) tables.push(await compareScales(servers, options, signal))
  }
  if (workloads.includes('many-sockets')) {
    const servers = await prepare(postgres, redis, circleOf(options.sockets, options.friends))
    tables.push(await manySockets(servers, options, signal))
  }
  return tables
}

/** A database of its own, with a world in it. The first start makes the tables. */
async function prepare(postgres: PostgresServer, redis: RedisServer, world: World): Promise<Servers> {
  const from = performance.now()
  const databaseUrl = await createDatabase(postgres.url)
  const postmaster = await postmasterOf(databaseUrl)
  const servers = { databaseUrl, redisUrl: redis.url, redis: redis.pid, postmaster }
  const first = await Instances.start(1, servers, { sockets: 1, profile: null, name: 'first' })
  await first[Symbol.asyncDispose]()
  await seed(databaseUrl, world)
  said('The world', from)
  return servers
}

async function run(workload: TwoInstances, servers: Servers, options: ClusterOptions, signal: AbortSignal) {
  const from = performance.now()
  const { seconds, clients, rate, profile } = options
  await using instances = await Instances.start(2, servers, { sockets: clients, profile, name: workload })
  const [one, other] = instances.access
  const job: ClusterJob = { workload, seconds, clients, rate, instances: [one!, other!], watched: instances.watched }
  const lines = await performBy<Line[]>(LOAD, job, signal)
  said(workload, from)
  return lines
}

function said(what: string, from: number): void {
  console.log(`${what}: done in ${((performance.now() - from) / 1000).toFixed(1)} s`)
}
