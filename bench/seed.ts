import { Client } from 'pg'
import { ACTION_CODE, STATUS_CODE } from '../src/storage/schema.ts'
import { tokenHashOf } from './users.ts'
import type { Edge, World } from './world.ts'

const BATCH = 20_000
const DAY_MS = 86_400_000

const PAIRS = `insert into pair (lo, hi, version, last_action, actor_is_lo, acted_at)
  select least(a, b), greatest(a, b), nextval('pair_event_seq'), $3, a < b, $4
  from unnest($1::text[] collate "C", $2::text[] collate "C") as edge (a, b)`
const LOG = `insert into pair_event (seq, lo, hi, action, previous, actor_is_lo, acted_at)
  select version, lo, hi, last_action, $1, actor_is_lo, acted_at from pair order by version`
const SESSIONS = `insert into session (token_hash, address, device_id, created_at, expires_at)
  select token_hash, address, 'bench', $3, $4 from unnest($1::bytea[], $2::text[]) as session (token_hash, address)`
const COUNTS = `insert into user_count (address, friends, outgoing, incoming)
  select address, count(*) filter (where last_action = $1), count(*) filter (where last_action = $2 and asked),
    count(*) filter (where last_action = $2 and not asked)
  from (
    select lo as address, last_action, actor_is_lo as asked from pair
    union all
    select hi, last_action, not actor_is_lo from pair
  ) side group by address`

/** Fills a migrated, empty database with a world. */
export async function seed(url: string, { everybody, friendships, requests }: World): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const now = Date.now()
  const pairs = async (edges: Iterable<Edge>, action: number): Promise<void> => {
    for (const batch of batches(edges)) {
      await client.query(PAIRS, [batch.map(([a]) => a), batch.map(([, b]) => b), action, now])
    }
  }
  try {
    await pairs(friendships, ACTION_CODE.accept)
    await pairs(requests, ACTION_CODE.request)
    await client.query(LOG, [STATUS_CODE.none])
    for (const batch of batches(everybody)) {
      await client.query(SESSIONS, [batch.map(tokenHashOf), batch.map(({ address }) => address), now, now + DAY_MS])
    }
    await client.query(COUNTS, [ACTION_CODE.accept, ACTION_CODE.request])
    await client.query('vacuum (analyze)')
    await client.query('checkpoint')
  } finally {
    await client.end()
  }
}

function* batches<Item>(items: Iterable<Item>): Generator<Item[]> {
  let batch: Item[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
