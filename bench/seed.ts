import { Client } from 'pg'
import { ACTION_CODE, STATUS_CODE } from '../src/storage/schema.ts'
import { copyInto, withoutIndexes } from './bulk-load.ts'
import { SERVICE_KEY, tokenHashOf, type User } from './users.ts'
import type { Edge, World } from './world.ts'

const DAY_MS = 86_400_000

/** While a world is loaded, one checkpoint would follow the other with the default. */
const HURRY = [`alter system set max_wal_size = '16GB'`, 'select pg_reload_conf()']
const EVERYDAY = ['alter system reset max_wal_size', 'select pg_reload_conf()']

const PAIR_COLUMNS = 'lo, hi, version, last_action, actor_is_lo, acted_at'
const SESSION_COLUMNS = 'token_hash, address, device_id, created_at, expires_at'
const LOG = `insert into pair_event (seq, lo, hi, action, previous, actor_is_lo, acted_at)
  select version, lo, hi, last_action, $1, actor_is_lo, acted_at from pair`
const COUNTS = `insert into user_count (address, friends, outgoing, incoming)
  select address, count(*) filter (where last_action = $1), count(*) filter (where last_action = $2 and asked),
    count(*) filter (where last_action = $2 and not asked)
  from (
    select lo as address, last_action, actor_is_lo as asked from pair
    union all
    select hi, last_action, not actor_is_lo from pair
  ) side group by address`
const KEY = 'insert into api_key (id, key_hash, name, scopes, created_at) values ($1, $2, $3, $4, $5)'

/** Fills a migrated, empty database with a world. */
export async function seed(url: string, world: World): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const now = Date.now()
  try {
    for (const setting of HURRY) await client.query(setting)
    await withoutIndexes(client, ['pair', 'pair_event'], async () => {
      await copyInto({ url, table: 'pair', columns: PAIR_COLUMNS }, pairLines(world, now))
      await client.query(LOG, [STATUS_CODE.none])
    })
    await client.query(`select setval('pair_event_seq', (select max(version) from pair))`)
    await copyInto({ url, table: 'session', columns: SESSION_COLUMNS }, sessionLines(world.everybody, now))
    await client.query(COUNTS, [ACTION_CODE.accept, ACTION_CODE.request])
    const { id, name, keyHash, scopes } = SERVICE_KEY
    await client.query(KEY, [id, keyHash, name, scopes, now])
    await client.query('vacuum (analyze)')
    for (const setting of EVERYDAY) await client.query(setting)
    await client.query('checkpoint')
  } finally {
    await client.end()
  }
}

/** As `COPY` takes them, with the numbers that the sequence would give. */
function* pairLines({ friendships, requests }: World, now: number): Generator<string> {
  let version = 0
  const line = ([from, to]: Edge, action: number): string => {
    version += 1
    const ends = from < to ? `${from}\t${to}` : `${to}\t${from}`
    return `${ends}\t${version}\t${action}\t${from < to}\t${now}`
  }
  for (const edge of friendships) yield line(edge, ACTION_CODE.accept)
  for (const edge of requests) yield line(edge, ACTION_CODE.request)
}

function* sessionLines(users: Iterable<User>, now: number): Generator<string> {
  for (const user of users) {
    yield `\\\\x${tokenHashOf(user).toString('hex')}\t${user.address}\tbench\t${now}\t${now + DAY_MS}`
  }
}
