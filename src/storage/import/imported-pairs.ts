import type { Address, OrderedPair } from '../../domain/address.ts'
import type { PairAction, PairState } from '../../domain/friendship.ts'
import type { Database, Transaction } from '../db/database.ts'
import { ACTION_CODE, actionOfCode, columnsOf, toBytes } from '../schema.ts'

/** A pair, and what its row is to hold. */
export interface PairToWrite extends OrderedPair {
  readonly state: PairState
}

/** How far a source has been taken over. */
export interface ImportProgress {
  /** Pairs that changed since are taken over, unix milliseconds; null for all. */
  readonly since: number | null
  /** When the present pass began, by the clock of the source; unix milliseconds. */
  readonly startedAt: number
  /** The last pair that was taken over. */
  readonly lo: string
  readonly hi: string
  readonly isDone: boolean
}

const READ_PROGRESS = {
  name: 'import-progress',
  text: 'select since, started_at, lo, hi, is_done from import_progress where source = $1'
}
const SAVE_PROGRESS = {
  name: 'import-progress-save',
  text: `insert into import_progress (source, since, started_at, lo, hi, is_done) values ($1, $2, $3, $4, $5, $6)
    on conflict (source) do update set since = excluded.since, started_at = excluded.started_at, lo = excluded.lo,
      hi = excluded.hi, is_done = excluded.is_done`
}

const STATE = 'last_action, actor_is_lo, acted_at, message, blocked_by_lo, blocked_by_hi'
// What happened here later than what is taken over stays. Nothing is logged: who is told of events is not told of these.
const WRITE_PAIRS = {
  name: 'import-pairs',
  text: `with given as (
      select * from unnest($1::text[], $2::text[], $3::smallint[], $4::boolean[], $5::bigint[], $6::bytea[],
        $7::bigint[], $8::bigint[]) as given (lo, hi, ${STATE})
    ), changed as (
      select given.* from given left join pair on pair.lo = given.lo collate "C" and pair.hi = given.hi collate "C"
      where pair.lo is null or (given.acted_at >= pair.acted_at
        and row(${columnsIn(STATE, 'given')}) is distinct from row(${columnsIn(STATE, 'pair')}))
    )
    insert into pair as present (lo, hi, ${STATE}, version)
    select lo, hi, ${STATE}, nextval('pair_event_seq') from changed
    on conflict (lo, hi) do update set (${STATE}, version) = row(${columnsIn(STATE, 'excluded')}, excluded.version)
      where present.acted_at <= excluded.acted_at
    returning 1`
}
const COUNT_CHANGES = {
  name: 'import-count-changes',
  text: WRITE_PAIRS.text.replace(/\)\s+insert into[\s\S]+/, ') select 1 from changed')
}

// Lists of requests are in the order of versions, which were given in the order of addresses.
const ORDER_REQUESTS = {
  name: 'import-order-requests',
  text: `update pair set version = ordered.version
    from (select lo, hi, nextval('pair_event_seq') as version
      from (select lo, hi from pair where last_action = ${ACTION_CODE.request} order by acted_at, lo, hi) by_time
    ) ordered
    where pair.lo = ordered.lo and pair.hi = ordered.hi`
}
const READ_PAIRS = {
  name: 'import-read-pairs',
  text: `select lo, hi, last_action, actor_is_lo, acted_at, blocked_by_lo is not null, blocked_by_hi is not null
    from pair where (lo, hi) in (select lo collate "C", hi collate "C" from unnest($1::text[], $2::text[]) wanted (lo, hi))`
}

const LOCK = { name: 'import-lock', text: 'lock table pair, user_count in share row exclusive mode' }
const COUNT_USERS = {
  name: 'import-count-users',
  text: `with of_pairs as (
      select lo, hi, last_action = ${ACTION_CODE.accept} as are_friends, last_action = ${ACTION_CODE.request} as is_open,
        actor_is_lo
      from pair where last_action in (${ACTION_CODE.accept}, ${ACTION_CODE.request})
    ), of_users as (
      select lo as address, are_friends, is_open and actor_is_lo as is_out, is_open and not actor_is_lo as is_in from of_pairs
      union all select hi, are_friends, is_open and not actor_is_lo, is_open and actor_is_lo from of_pairs
    ), counted as (
      select address, count(*) filter (where are_friends)::int as friends, count(*) filter (where is_out)::int as outgoing,
        count(*) filter (where is_in)::int as incoming
      from of_users group by address
      union all select address, 0, 0, 0 from user_count
      where not exists (select from of_users where of_users.address = user_count.address)
    )
    insert into user_count as present (address, friends, outgoing, incoming) select * from counted
    on conflict (address) do update set (friends, outgoing, incoming) = row(excluded.friends, excluded.outgoing, excluded.incoming)
      where (present.friends, present.outgoing, present.incoming)
        is distinct from (excluded.friends, excluded.outgoing, excluded.incoming)`
}
const TOTALS = {
  name: 'import-totals',
  text: `select count(*) filter (where last_action = ${ACTION_CODE.accept}),
    count(*) filter (where last_action = ${ACTION_CODE.request}),
    count(blocked_by_lo) + count(blocked_by_hi) from pair`
}

/** What is there in all. */
export interface Totals {
  readonly friendships: number
  readonly requests: number
  readonly blocks: number
}

/** A pair as its row has it. */
export interface WrittenPair extends OrderedPair {
  readonly lastAction: PairAction
  readonly actor: Address
  /** Unix milliseconds. */
  readonly at: number
  readonly blockers: readonly Address[]
}
type WrittenRow = [
  lo: Address,
  hi: Address,
  lastAction: number,
  actorIsLo: boolean,
  at: number,
  loBlocks: boolean,
  hiBlocks: boolean
]

/** The pairs that an import writes into the database of this service. Everything can be repeated. */
export class ImportedPairs {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async progress(source: string): Promise<ImportProgress | null> {
    type Row = [since: number | null, startedAt: number, lo: string, hi: string, isDone: boolean]
    const [row] = await this.#db.retryableRows<Row>(READ_PROGRESS, [source])
    if (!row) return null
    const [since, startedAt, lo, hi, isDone] = row
    return { since, startedAt, lo, hi, isDone }
  }

  saveProgress(source: string, progress: ImportProgress): Promise<void> {
    return this.#db.transaction(tx => save(tx, source, progress))
  }

  /** Writes a page of pairs, and how far that is, in one transaction. @returns how many changed */
  writePairs(pairs: readonly PairToWrite[], source: string, progress: ImportProgress): Promise<number> {
    return this.#db.transaction(async tx => {
      const rows = await tx.rows(WRITE_PAIRS, columns(pairs))
      await save(tx, source, progress)
      return rows.length
    })
  }

  /** How many pairs {@link writePairs} would change. */
  async countChanges(pairs: readonly PairToWrite[]): Promise<number> {
    return (await this.#db.retryableRows(COUNT_CHANGES, columns(pairs))).length
  }

  /** What {@link writePairs} has written, or what happened here since, in the order of the pairs. */
  async readPairs(pairs: readonly OrderedPair[]): Promise<WrittenPair[]> {
    const rows = await this.#db.retryableRows<WrittenRow>(READ_PAIRS, columnsOf(pairs, ['lo', 'hi']))
    return rows.map(([lo, hi, lastAction, actorIsLo, at, loBlocks, hiBlocks]) => ({
      lo,
      hi,
      lastAction: actionOfCode(lastAction),
      actor: actorIsLo ? lo : hi,
      at,
      blockers: [...(loBlocks ? [lo] : []), ...(hiBlocks ? [hi] : [])]
    }))
  }

  /** Brings the order of requests, and the counts of all users, in line with the pairs; writes wait meanwhile. */
  finish(): Promise<void> {
    return this.#db.maintain(async client => {
      await client.query('begin')
      for (const { text } of [LOCK, ORDER_REQUESTS, COUNT_USERS]) await client.query(text)
      await client.query('commit')
    })
  }

  async totals(): Promise<Totals> {
    const [row] = await this.#db.retryableRows<[number, number, number]>(TOTALS, [])
    const [friendships = 0, requests = 0, blocks = 0] = row ?? []
    return { friendships, requests, blocks }
  }
}

function columnsIn(columns: string, table: string): string {
  return columns
    .split(', ')
    .map(column => `${table}.${column}`)
    .join(', ')
}

async function save(
  tx: Transaction,
  source: string,
  { since, startedAt, lo, hi, isDone }: ImportProgress
): Promise<void> {
  await tx.rows(SAVE_PROGRESS, [source, since, Math.floor(startedAt), lo, hi, isDone])
}

function columns(pairs: readonly PairToWrite[]): unknown[][] {
  const of = (value: (pair: PairToWrite) => unknown): unknown[] => pairs.map(value)
  return [
    of(({ lo }) => lo),
    of(({ hi }) => hi),
    of(({ state }) => state.lastAction && ACTION_CODE[state.lastAction]),
    of(({ lo, state }) => state.actor === lo),
    of(({ state }) => state.at),
    of(({ state }) => toBytes(state.message)),
    of(({ lo, state }) => state.blockedBy.get(lo) ?? null),
    of(({ hi, state }) => state.blockedBy.get(hi) ?? null)
  ]
}
