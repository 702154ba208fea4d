import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { RedisServer } from '../test/env/redis.ts'
import { postmasterOf } from './cpu.ts'
import { finish, interruption } from './interruption.ts'
import { markdown, verdict, whole } from './markdown.ts'
import { positive } from './options.ts'
import type { PresenceCost, PresenceJob } from './presence/job.ts'
import { type Population, worldOf } from './presence/population.ts'
import { performBy, Service } from './processes.ts'
import { seed } from './seed.ts'

/*
 * Measures what a large world costs one instance: `npm run bench:presence`. See docs/benchmarks.md.
 */

const LOAD = new URL('./presence/load.ts', import.meta.url)
const SERVER_NAME = 'bench.test'
const TARGET_CORES = 0.05
const TARGET_BYTES = 64 * 1024 * 1024
const CONNECTIONS = 20
const HEAD = [
  'online users',
  'friends elsewhere of each',
  'memory',
  'of a core',
  'Redis sends',
  'Redis: of a core',
  'target'
]

const USAGE = `npm run bench:presence -- [options]
  --online a,b      users who are online (10000,100000,1000000)
  --local N         how many of them are on the instance that is measured (10000)
  --away a,b        friends of each on other instances, of fifty (5)
  --seconds N       measured time (20)
  --profile FOLDER  write CPU profiles of the instance`

const signal = interruption()
process.exitCode = await finish(signal, main)

async function main(): Promise<void> {
  const { populations, seconds, profile } = readOptions(process.argv.slice(2))
  if (profile) await mkdir(profile, { recursive: true })
  const rows: string[][] = []
  for (const population of populations) {
    const from = performance.now()
    rows.push(rowOf(population, await measure(population, seconds, profile)))
    console.log(`${whole(population.online)} users: done in ${((performance.now() - from) / 1000).toFixed(1)} s`)
  }
  console.log(`\n${markdown([HEAD, ...rows])}`)
}

async function measure(population: Population, seconds: number, profile: string | undefined): Promise<PresenceCost> {
  await using postgres = await PostgresServer.start({ durable: true })
  await using redis = await RedisServer.start()
  const databaseUrl = await createDatabase(postgres.url)
  const start = (folder?: string): Promise<Service> =>
    Service.start({
      databaseUrl,
      connections: CONNECTIONS,
      sockets: population.local,
      settings: { REDIS_URL: redis.url, SERVER_NAME },
      ...(folder && {
        profile: { folder: resolve(folder), name: `${population.online}-${population.away}.cpuprofile` }
      })
    })
  // The first start makes the tables.
  await (await start())[Symbol.asyncDispose]()
  await seed(databaseUrl, worldOf(population))
  await using service = await start(profile)
  const job: PresenceJob = {
    workload: 'presence',
    population,
    seconds,
    pid: service.pid,
    rpcUrl: service.rpcUrl,
    redisUrl: redis.url,
    topic: `social-service:${SERVER_NAME}`,
    redis: redis.pid,
    postmaster: await postmasterOf(databaseUrl)
  }
  return await performBy<PresenceCost>(LOAD, job, signal)
}

function rowOf({ online, local, away }: Population, cost: PresenceCost): string[] {
  const percent = (cores: number): string => `${(cores * 100).toFixed(1)} %`
  const isLight = cost.cores <= TARGET_CORES && cost.bytes <= TARGET_BYTES
  return [
    whole(online),
    online === local ? '' : String(away),
    `${(cost.bytes / 1024 / 1024).toFixed(1)} MB`,
    `${percent(cost.cores)} (and ${percent(cost.idleCores)} alone)`,
    `${(cost.bytesPerSecond / 1024).toFixed(0)} KB/s`,
    percent(cost.redisCores),
    verdict(isLight, `≤ ${percent(TARGET_CORES)}, ≤ ${TARGET_BYTES / 1024 / 1024} MB`)
  ]
}

/** @throws TypeError */
function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      online: { type: 'string', default: '10000,100000,1000000' },
      local: { type: 'string', default: '10000' },
      away: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '20' },
      profile: { type: 'string' }
    }
  })
  try {
    const local = positive('local', values.local)
    const numbers = (name: 'online' | 'away'): number[] => values[name].split(',').map(text => positive(name, text))
    const populations = numbers('away').flatMap(away => numbers('online').map(online => ({ online, local, away })))
    return { populations, seconds: positive('seconds', values.seconds), profile: values.profile }
  } catch (error) {
    throw new TypeError(`${(error as Error).message}\n\n${USAGE}`)
  }
}
