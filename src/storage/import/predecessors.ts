import type { MarkKind } from './imported-users.ts'

interface MarkTable {
  readonly table: string
  readonly by: string
  readonly of: string
}

/** What is read of an earlier service; the tables are those that its own migrations make. */
export interface Predecessor {
  /** Without this table a database is not one of that service. */
  readonly mainTable: string
  /** Tables that came later, and may not be there. */
  readonly laterTables: readonly string[]
  /**
   * Rows about two users, a pair after the other: (source, id, lo, hi,
   * a, b, are_friends, touched_at, blocker, blocked_at), `lo` and `hi` being both users in lower case and in order.
   * `$1` is the time since when pairs are wanted that changed, null for all; `$2`, `$3` the pair after which. Times are unix
   * milliseconds.
   */
  readonly pairs: (has: (table: string) => boolean) => string
  /** What was noted under the ids `$1`: (id, action, actor, at, message). */
  readonly events: string
  /** Notes under an id that no row has. */
  readonly orphans: string
  /** How many pairs of two users are friends and block nobody, and how many blocks there are: (friendships, blocks). */
  readonly totals: (has: (table: string) => boolean) => string
  /** Each user's settings as (address, json); null when it has none. */
  readonly settings: string | null
  /** (muter, muted, muted_at); null when it has none. */
  readonly mutes: string | null
  /** The table that holds who blocks or mutes whom, and its columns. */
  readonly marks: Readonly<Record<MarkKind, MarkTable>> | null
}

/** Columns of earlier services are timestamps without a zone, which their servers write in UTC. */
const msOf = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`
const isSince = (column: string): string => `${column} >= to_timestamp($1::float8 / 1000) at time zone 'UTC'`
const inOrder = (rows: string): string => `
  select source, id, lo, hi, a, b, are_friends, touched_at, blocker, blocked_at
  from (select rows.*, least(lower(a), lower(b)) collate "C" as lo, greatest(lower(a), lower(b)) collate "C" as hi
    from (${rows}) rows) ordered
  where (lo, hi) > ($2::text collate "C", $3::text collate "C") order by lo, hi, source, id`

/** The same for the same two, in whatever order and letter case. */
const pairOf = (a: string, b: string): string => `(least(lower(${a}), lower(${b})), greatest(lower(${a}), lower(${b})))`
const pairsOf = (a: string, b: string): string => `count(distinct ${pairOf(a, b)})`
const areUsers = (a: string, b: string): string =>
  `lower(${a}) ~ '^0x[0-9a-f]{40}$' and lower(${b}) ~ '^0x[0-9a-f]{40}$' and lower(${a}) <> lower(${b})`

const eventsIn = (table: string, word: string): string => `
  select friendship_id::text, ${word}, acting_user, ${msOf('timestamp')},
    case when json_typeof(metadata) = 'object' then metadata->>'message' end
  from ${table} where friendship_id = any($1::uuid[])`
const orphansIn = (table: string): string => `
  select count(*)::int from ${table} noted where not exists (select from friendships where id = noted.friendship_id)`

/** The service in Rust: `friendships` (`address_1 < address_2`, as they were spelled) and `friendship_history`. */
const RUST_SERVICE: Predecessor = {
  mainTable: 'friendship_history',
  laterTables: [],
  pairs: () =>
    inOrder(`
      select 'friendships' as source, id::text, address_1 as a, address_2 as b, is_active as are_friends,
        0::float8 as touched_at, null::text as blocker, null::float8 as blocked_at
      from friendships
      where $1::float8 is null or id in (select friendship_id from friendship_history where ${isSince('timestamp')})`),
  events: eventsIn('friendship_history', 'event'),
  orphans: orphansIn('friendship_history'),
  totals: () => `select ${pairsOf('address_1', 'address_2')}::int, 0
    from friendships where is_active and ${areUsers('address_1', 'address_2')}`,
  settings: null,
  mutes: null,
  marks: null
}

/** The service in TypeScript: `friendships` (who asked first), `friendship_actions`, and later blocks, settings, mutes. */
const SOCIAL_SERVICE_EA: Predecessor = {
  mainTable: 'friendship_actions',
  laterTables: ['blocks', 'social_settings', 'user_mutes'],
  pairs: has =>
    inOrder(`
      select 'friendships' as source, id::text, address_requester as a, address_requested as b,
        coalesce(is_active, false) as are_friends, coalesce(${msOf('greatest(created_at, updated_at)')}, 0) as touched_at,
        null::text as blocker, null::float8 as blocked_at
      from friendships
      where $1::float8 is null or ${isSince('updated_at')}
        or id in (select friendship_id from friendship_actions where ${isSince('timestamp')})
      ${has('blocks') ? BLOCKS : ''}`),
  events: eventsIn('friendship_actions', 'action'),
  orphans: orphansIn('friendship_actions'),
  totals: has => `select
    (select ${pairsOf('address_requester', 'address_requested')}::int from friendships
      where is_active and ${areUsers('address_requester', 'address_requested')} ${has('blocks') ? IS_FREE : ''}),
    ${has('blocks') ? COUNT_BLOCKS : '0'}`,
  settings: `select address, to_jsonb(social_settings) from social_settings order by address`,
  mutes: `select muter_address, muted_address, ${msOf('muted_at')} from user_mutes order by 1, 2`,
  marks: {
    blocks: { table: 'blocks', by: 'blocker_address', of: 'blocked_address' },
    mutes: { table: 'user_mutes', by: 'muter_address', of: 'muted_address' }
  }
}

const IS_FREE = `and not exists (select from blocks
  where ${pairOf('blocker_address', 'blocked_address')} = ${pairOf('address_requester', 'address_requested')})`
const COUNT_BLOCKS = `(select count(distinct (lower(blocker_address), lower(blocked_address)))::int from blocks
  where ${areUsers('blocker_address', 'blocked_address')})`

// All of them each time: a block that was taken back leaves no trace, but its time.
const BLOCKS = `
  union all
  select 'blocks', id::text, blocker_address, blocked_address, false, coalesce(${msOf('blocked_at')}, 0),
    blocker_address, coalesce(${msOf('blocked_at')}, 0)
  from blocks`

export const PREDECESSORS = { 'rust-service': RUST_SERVICE, 'social-service-ea': SOCIAL_SERVICE_EA } as const
export type PredecessorName = keyof typeof PREDECESSORS
