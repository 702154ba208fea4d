import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { PredecessorDatabase } from '../test/storage/import/predecessors.ts'
import { finish, interruption } from './interruption.ts'
import { markdown, verdict, whole } from './markdown.ts'

/*
 * Measures how long it takes to take over a million pairs of each earlier service, and then what happened meanwhile:
 * `npm run bench:import`. See docs/benchmarks.md.
 */

const PAIRS = Number(process.argv[2] ?? 1_000_000)
/** Pairs that something happened to between the two passes. */
const CHANGED = 1_000
const TARGET_SECONDS = 60
const PROGRAM = join(import.meta.dirname, '../dist/main.js')

/** What fills `friendships`, and with which words, in each service. */
const SERVICES = {
  'rust-service': { columns: `'!room:localhost'`, history: 'friendship_history', quote: '"' },
  'social-service-ea': {
    columns: `timestamp '2024-01-01', timestamp '2024-06-01'`,
    history: 'friendship_actions',
    quote: ''
  }
} as const
type ServiceName = keyof typeof SERVICES

const signal = interruption()
process.exitCode = await finish(signal, main)

async function main(): Promise<void> {
  await using postgres = await PostgresServer.start({ durable: true })
  const rows: string[][] = []
  for (const service of Object.keys(SERVICES) as ServiceName[]) {
    await using old = await PredecessorDatabase.create(service, await createDatabase(postgres.url))
    console.error(`${service}: loading ${whole(PAIRS)} pairs`)
    await fill(old, service)
    const databaseUrl = await createDatabase(postgres.url)
    const first = await takeOver(service, old.url, databaseUrl)
    await change(old, service)
    const second = await takeOver(service, old.url, databaseUrl)
    await verify(databaseUrl)
    rows.push([
      service,
      whole(PAIRS),
      seconds(first),
      whole(PAIRS / first),
      verdict(first <= TARGET_SECONDS, '≤ 60 s'),
      seconds(second)
    ])
  }
  console.log(
    markdown([['from', 'pairs', 'first pass', 'pairs/s', 'target', `next pass, ${CHANGED} pairs changed`], ...rows])
  )
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`
}

/** Each user has some ten pairs: two of three are friends, the others wait for an answer. */
async function fill(old: PredecessorDatabase, service: ServiceName): Promise<void> {
  const { columns, history, quote } = SERVICES[service]
  const users = Math.ceil(PAIRS / 10)
  const idOf = (text: string): string => `md5(${text})::uuid`
  const user = (number: string): string => `'0x' || rpad(md5('user ' || (${number})), 40, '0')`
  await old.query(`insert into friendships
    select ${idOf(`'pair ' || n`)}, least(a, b), greatest(a, b), n % 3 <> 0, ${columns}
    from (select n, ${user(`n % ${users}`)} as a, ${user(`(n % ${users}) + 1 + n / ${users}`)} as b
      from generate_series(0, ${PAIRS - 1}) n) pairs`)
  const note = (word: string, column: number, at: string, which: string): string => `insert into ${history}
    select ${idOf(`'${word} ' || id`)}, id, '${quote}${word}${quote}', ${column === 1 ? 'a' : 'b'}, '{"message":"hello"}', ${at}
    from (select f.*, row_number() over () as n from (select * from friendships) f (id, a, b, is_active)) pairs where ${which}`
  await old.query(note('request', 1, `timestamp '2024-01-01' + n * interval '1 second'`, 'true'))
  await old.query(note('accept', 2, `timestamp '2024-06-01' + n * interval '1 second'`, 'is_active'))
  await old.query('vacuum analyze')
}

/** Some who wait are answered. */
async function change(old: PredecessorDatabase, service: ServiceName): Promise<void> {
  const { history, quote } = SERVICES[service]
  const changed = `(select id from friendships where not is_active order by id limit ${CHANGED})`
  const b = service === 'rust-service' ? 'address_2' : 'address_requested'
  await old.query(`insert into ${history} select gen_random_uuid(), id, '${quote}accept${quote}', ${b}, null, now()
    from friendships where id in ${changed}`)
  const touched = service === 'rust-service' ? '' : ', updated_at = now()'
  await old.query(`update friendships set is_active = true ${touched} where id in ${changed}`)
}

/** @returns seconds */
async function takeOver(service: ServiceName, from: string, databaseUrl: string): Promise<number> {
  const start = performance.now()
  const { stderr } = await promisify(execFile)(process.execPath, [PROGRAM, 'import', service, '--from', from], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    signal
  })
  console.error(stderr)
  return (performance.now() - start) / 1000
}

async function verify(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query(
    'select count(*)::int as pairs, count(*) filter (where last_action = 2)::int as friends from pair'
  )
  await client.end()
  const friends = PAIRS - Math.ceil(PAIRS / 3) + CHANGED
  if (rows[0].pairs !== PAIRS || rows[0].friends !== friends)
    throw new Error(`There are ${JSON.stringify(rows[0])}, not ${friends} friends of ${PAIRS}`)
}
