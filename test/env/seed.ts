import { Client } from 'pg'
import { ACTION_CODE } from '../../src/storage/schema.ts'

/** How many others stand how to one user. In each list the last one is the latest. */
interface Relations {
  readonly friends?: readonly string[]
  readonly incoming?: readonly string[]
  readonly outgoing?: readonly string[]
  readonly blocked?: readonly string[]
  readonly blockedBy?: readonly string[]
  /** Of all requests. */
  readonly message?: string
}

const PAIRS = `insert into pair (lo, hi, last_action, actor_is_lo, acted_at, version, message, blocked_by_lo, blocked_by_hi)
  select least($1, other), greatest($1, other), $3::smallint, ($1 < other) = $4, n, nextval('pair_event_seq'), $5::bytea,
    case when $6 and ($1 < other) = $4 then n end, case when $6 and ($1 < other) <> $4 then n end
  from unnest($2::text[]) with ordinality o (other, n)`

const COUNTS = `insert into user_count (address, friends, outgoing, incoming) values ($1, $2, $3, $4)
  on conflict (address) do update set friends = $2, outgoing = $3, incoming = $4`

/** Writes into a PostgreSQL database, with its tables, what would take a user thousands of calls. */
export async function seedRelations(databaseUrl: string, user: string, relations: Relations): Promise<void> {
  const { friends = [], incoming = [], outgoing = [], blocked = [], blockedBy = [], message } = relations
  const text = message === undefined ? null : Buffer.from(message)
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  const fill = async (others: readonly string[], action: 'accept' | 'request' | 'block', byUser: boolean) => {
    const body = action === 'request' ? text : null
    await database.query(PAIRS, [user, others, ACTION_CODE[action], byUser, body, action === 'block'])
  }
  try {
    await fill(friends, 'accept', true)
    await fill(incoming, 'request', false)
    await fill(outgoing, 'request', true)
    await fill(blocked, 'block', true)
    await fill(blockedBy, 'block', false)
    await database.query(COUNTS, [user, friends.length, outgoing.length, incoming.length])
    await database.query('analyze pair')
  } finally {
    await database.end()
  }
}

/** Addresses that are in order, as lists of friends are. @param kind a hex digit: others with another one are others */
export function seededUsers(kind: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `0x${kind.toString(16)}${at.toString(16).padStart(39, '0')}`)
}
