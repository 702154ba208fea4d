import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Client } from 'pg'
import { createLogger } from '../src/observability/logger.ts'
import { Database } from '../src/storage/db/database.ts'
import { LogHolders } from '../src/storage/log-holders.ts'
import { LogPartitions } from '../src/storage/log-partitions.ts'
import { LogRetention } from '../src/updates/log-retention.ts'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { connectBare } from './bare-database.ts'
import { postmasterOf } from './cpu.ts'
import { finish, interruption } from './interruption.ts'
import type { Job, Measurement, WorkloadName } from './job.ts'
import { markdown, whole } from './markdown.ts'
import { positive } from './options.ts'
import { perform, Service } from './processes.ts'
import { seed } from './seed.ts'
import { crowd, MISSED, worldOf } from './world.ts'

/*
 * What a long log costs, and one that was long: `npm run bench:retention`. Updates and resumes are measured before many
 * events, with them, while they are dropped, and after. See docs/benchmarks.md.
 */

const DAY_MS = 86_400_000
const RETENTION_MS = 10 * DAY_MS
const PART = 1_000_000
/** Until what is measured beside has certainly begun. */
const WARM_UP_MS = 3_000
/** How often updates are measured, each time of users of their own. */
const ROUNDS = 9

const FILL = `insert into pair_event (seq, lo, hi, action, actor_is_lo, previous, acted_at)
  select nextval('pair_event_seq'), '0x' || lpad(to_hex(n % 400000), 40, '0'), '0x' || lpad(to_hex(n * 7919 % 400000), 40, '1'),
    1, n % 2 = 0, 0, $2 from generate_series(1, $1::bigint) n`
const MISS = `insert into pair_event (seq, lo, hi, action, actor_is_lo, previous, acted_at)
  select nextval('pair_event_seq'), '0x' || lpad(to_hex(n), 40, '0'), target, 1, true, 0, $2
  from generate_series(1, $3::bigint) n, unnest($1::text[]) target`

const HEAD = [
  '',
  'events',
  'partitions',
  'updates/s',
  'p99 ms',
  'CPU ms',
  'times',
  'resumes/s',
  'p99 ms',
  'CPU ms',
  'times'
]

/** What was measured at one time, and the events of the log then. */
interface Phase {
  readonly name: string
  readonly events: number
  readonly partitions: number
  readonly updates: Measurement
  readonly resumes: Measurement | null
}

const USAGE = `npm run bench:retention -- [options]
  --events N        events that are written and dropped (10000000)
  --seconds N       measured time of each figure (3)
  --connections N   operations in flight, and connections to PostgreSQL (20)`

process.exitCode = await main(interruption())

async function main(signal: AbortSignal): Promise<number> {
  let options: { events: number; seconds: number; connections: number }
  try {
    options = readOptions()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return finish(signal, async () => console.log(`\n${table(await measureAll(options, signal))}`))
}

function readOptions() {
  const text = (value: string) => ({ type: 'string', default: value }) as const
  const { values } = parseArgs({ options: { events: text('10000000'), seconds: text('3'), connections: text('20') } })
  return {
    events: positive('events', values.events),
    seconds: positive('seconds', values.seconds),
    connections: positive('connections', values.connections)
  }
}

async function measureAll(options: ReturnType<typeof readOptions>, signal: AbortSignal): Promise<Phase[]> {
  const { events, connections, seconds } = options
  await using postgres = await PostgresServer.start({ durable: true })
  const url = await createDatabase(postgres.url)
  const postmaster = await postmasterOf(url)
  const size = { rows: 50_000, connections, sockets: 100, rounds: ROUNDS }
  // It keeps the log: what is dropped is dropped here, at its time.
  await using service = await Service.start({ databaseUrl: url, connections, sockets: size.sockets })
  await seed(url, worldOf(size))
  const client = await connectBare(url)
  const db = await Database.open(
    { url, poolSize: 2, connectTimeoutMs: 10_000, statementTimeoutMs: 60_000 },
    createLogger({ level: 'warn', format: 'json' })
  )
  const partitions = new LogPartitions(db)
  let round = 0
  const work = (workload: WorkloadName): Promise<Measurement> => {
    const job: Job = {
      workload,
      seconds,
      size,
      firstLane: connections * round++,
      watched: { server: service.pid, postmaster },
      urls: { http: service.httpUrl, rpc: service.rpcUrl, database: url }
    }
    return perform(job, signal)
  }
  const phase = async (name: string, during?: () => Promise<void>): Promise<Phase> => {
    const [updates] = await Promise.all([work('v1-updates'), during?.()])
    await miss(client)
    const resumes = during ? null : await work('raw-resumes')
    const { rows } = await client.query('select count(*)::int as events from pair_event')
    return { name, events: rows[0].events, partitions: (await partitions.layout()).partitions.length, updates, resumes }
  }
  try {
    const before = await phase('before')
    await fill(client, partitions, events)
    const full = await phase('with them')
    const dropping = await phase('while they are dropped', () => drop(db, partitions))
    return [before, full, dropping, await phase('after')]
  } finally {
    await client.end()
    await db.close()
  }
}

/** Writes events that are older than is kept, into partitions that are made as a service makes them. */
async function fill(client: Client, partitions: LogPartitions, events: number): Promise<void> {
  const from = performance.now()
  await client.query('set synchronous_commit = off')
  for (let left = events; left > 0; left -= PART) {
    await partitions.prepare()
    await client.query(FILL, [Math.min(left, PART), Date.now() - 2 * RETENTION_MS])
  }
  await partitions.prepare()
  // What comes now is young, and in a partition of its own.
  const { partitions: all, next } = await partitions.layout()
  const present = all.find(one => one.from <= next && next < one.until)
  if (present) await partitions.close(present)
  await client.query('analyze')
  await client.query('checkpoint')
  console.log(`${whole(events)} events written in ${seconds(performance.now() - from)}`)
}

async function drop(db: Database, partitions: LogPartitions): Promise<void> {
  await wait(WARM_UP_MS)
  const before = (await partitions.layout()).partitions.length
  const retention = new LogRetention(
    {
      partitions,
      holders: new LogHolders(db, 60_000),
      logger: createLogger({ level: 'warn', format: 'json' }),
      now: Date.now
    },
    { retentionMs: RETENTION_MS, outboxes: { homeserver: false, sinks: [] }, everyMs: DAY_MS }
  )
  const from = performance.now()
  await retention.look()
  const dropped = before - (await partitions.layout()).partitions.length
  console.log(`${dropped} partitions dropped in ${seconds(performance.now() - from)}`)
}

/** Gives a part of the crowd something to find when they come back. */
async function miss(client: Client): Promise<void> {
  const targets = Array.from({ length: MISSED.users }, (_, at) => crowd(at).address)
  await client.query(MISS, [targets, Date.now(), MISSED.ofEach])
}

function table(phases: readonly Phase[]): string {
  const [first] = phases
  return markdown([
    HEAD,
    ...phases.map(({ name, events, partitions, updates, resumes }) => [
      name,
      whole(events),
      whole(partitions),
      ...cells(updates, first?.updates),
      ...(resumes ? cells(resumes, first?.resumes) : ['', '', '', ''])
    ])
  ])
}

/** CPU is that of PostgreSQL: the rest of a service does not know how long the log is. */
function cells({ rate, p99, cpu }: Measurement, first: Measurement | null | undefined): string[] {
  return [
    whole(rate),
    p99.toFixed(2),
    cpu.postgres.toFixed(3),
    (cpu.postgres / (first?.cpu.postgres ?? Number.NaN)).toFixed(2)
  ]
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
