import { type Address, type OrderedPair, orderedPair } from '../domain/address.ts'
import { isUnavailable, SocialError } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { type CountChange, type Intent, NO_PAIR, type Pair, type PairState, statusOf } from '../domain/friendship.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { ACTION_CODE, actionOfCode, columnsOf, fromBytes, STATUS_CODE, toBytes } from './schema.ts'

/** How many friends, and requests from and to them that wait for an answer, one user may have. */
export interface CountLimits {
  readonly friends: number
  readonly outgoing: number
  readonly incoming: number
}

type PairRow = [
  version: number,
  lastAction: number,
  actorIsLo: boolean,
  actedAt: number,
  message: Buffer | null,
  blockedByLo: number | null,
  blockedByHi: number | null
]

/** What a join has in the place of a row that is not there. */
type NoRow = [version: null]

const READ = {
  name: 'pair-read',
  text: `select version, last_action, actor_is_lo, acted_at, message, blocked_by_lo, blocked_by_hi
    from pair where lo = $1 and hi = $2`
}

/** As {@link READ}, of several pairs, in their order. */
const READ_SEVERAL = {
  name: 'pairs-read',
  text: `select version, last_action, actor_is_lo, acted_at, message, blocked_by_lo, blocked_by_hi
    from unnest($1::text[] collate "C", $2::text[] collate "C") with ordinality as wanted (lo, hi, place)
    left join pair on pair.lo = wanted.lo and pair.hi = wanted.hi order by place`
}

/**
 * What follows the swap of the row, in the same statement: the counts of both users, each under its row lock and in
 * the order of the addresses (so that two statements never wait for each other), and the event log.
 */
const CONSEQUENCES = `
  counted as (
    insert into user_count as present (address, friends, outgoing, incoming)
    select address, friends, outgoing, incoming
    from changed, (values ($1, $10::int, $11::int, $12::int), ($2, $13::int, $14::int, $15::int))
      as delta (address, friends, outgoing, incoming)
    where friends <> 0 or outgoing <> 0 or incoming <> 0
    order by address
    on conflict (address) do update set
      friends = case when excluded.friends > 0 and present.friends >= $16::int then over_limit('friends')
        else present.friends + excluded.friends end,
      outgoing = case when excluded.outgoing > 0 and present.outgoing >= $17::int then over_limit('outgoing')
        else present.outgoing + excluded.outgoing end,
      incoming = case when excluded.incoming > 0 and present.incoming >= $18::int then over_limit('incoming')
        else present.incoming + excluded.incoming end
  ),
  logged as (
    insert into pair_event (seq, lo, hi, action, actor_is_lo, acted_at, message, previous, previous_actor_is_lo)
    select version, $1, $2, $3::smallint, $4::boolean, $5::bigint, $6::bytea, $9::smallint, $19::boolean from changed
  )
  select version from changed`

/**
 * The number is taken when the transaction has its id: a reader of the log that misses a number then knows which
 * transactions may still bring it.
 */
const NEXT_SEQ = `nextval(case when pg_current_xact_id() is not null then 'pair_event_seq' end)`

const INSERT = {
  name: 'pair-insert',
  text: `with changed as (
    insert into pair (lo, hi, last_action, actor_is_lo, acted_at, message, blocked_by_lo, blocked_by_hi, version)
    values ($1, $2, $3::smallint, $4::boolean, $5::bigint, $6::bytea, $7::bigint, $8::bigint, ${NEXT_SEQ})
    on conflict do nothing returning version
  ), ${CONSEQUENCES}`
}

const SWAP = {
  name: 'pair-swap',
  text: `with changed as (
    update pair set last_action = $3::smallint, actor_is_lo = $4::boolean, acted_at = $5::bigint, message = $6::bytea,
      blocked_by_lo = $7::bigint, blocked_by_hi = $8::bigint, version = ${NEXT_SEQ}
    where lo = $1 and hi = $2 and version = $20::bigint returning version
  ), ${CONSEQUENCES}`
}

/** The event of a swap, if it is in the log after the version that it was made upon. */
const FIND_SWAPPED = {
  name: 'pair-find-swapped',
  text: `select seq from pair_event where case when actor_is_lo then hi else lo end = $1 and seq > $2
    and lo = $3 and hi = $4 and action = $5::smallint and acted_at = $6::bigint order by seq limit 1`
}

/** SQLSTATE that the database function `over_limit` raises. */
const OVER_LIMIT = '53400'

/** Pairs of one statement, and statements at a time. */
const READS_AT_ONCE = { maxBatch: 64, atOnce: 2, isOutage: isUnavailable }

/** The rows of pairs, and the log of what happened to them. */
export class FriendshipStore {
  readonly #db: Database
  readonly #limits: CountLimits
  readonly #onLimit: (limit: keyof CountLimits) => void
  readonly #reads: Batcher<OrderedPair, Pair>

  /** @param onLimit called for each change that would have gone over a limit */
  constructor(db: Database, limits: CountLimits, onLimit: (limit: keyof CountLimits) => void = () => undefined) {
    this.#db = db
    this.#limits = limits
    this.#onLimit = onLimit
    this.#reads = new Batcher(pairs => this.#readAll(pairs), READS_AT_ONCE)
  }

  /** The present state of two different users; {@link NO_PAIR} when nothing ever happened between them. */
  read(a: Address, b: Address): Promise<Pair> {
    return this.#reads.load(orderedPair(a, b))
  }

  /**
   * Makes `next` the state of the pair and logs it, if the pair is still at `before.version`: all in one statement.
   * @returns the event as it is in the log, or null when another change was faster
   * @throws SocialError `too_many_requests` when one of the two would go over a limit: then nothing changed
   */
  async swap(intent: Intent, before: Pair, next: PairState, counts: readonly CountChange[]): Promise<PairEvent | null> {
    const { actor, target, action } = intent
    const { lo, hi } = orderedPair(actor, target)
    const since = (user: Address): number | null => next.blockedBy.get(user) ?? null
    const delta = (user: Address): number[] => {
      const change = counts.find(count => count.user === user)
      return [change?.friends ?? 0, change?.outgoing ?? 0, change?.incoming ?? 0]
    }
    const values = [
      lo,
      hi,
      ACTION_CODE[action],
      actor === lo,
      next.at,
      toBytes(next.message),
      since(lo),
      since(hi),
      STATUS_CODE[statusOf(before)],
      ...delta(lo),
      ...delta(hi),
      this.#limits.friends,
      this.#limits.outgoing,
      this.#limits.incoming,
      before.actor === null ? null : before.actor === lo
    ]
    const statement = before.version === 0 ? INSERT : SWAP
    if (before.version !== 0) values.push(before.version)
    const [row] = await this.#db.rows<[seq: number]>(statement, values).catch(error => this.#refuse(error))
    return row ? toEvent(row[0], intent, before, next) : null
  }

  /**
   * What became of a swap whose connection broke, once the pair is not at `before.version` any more.
   * @returns the event as it is in the log, or null when it was not done, which it then never will be
   */
  async findSwapped(intent: Intent, before: Pair, next: PairState): Promise<PairEvent | null> {
    const { actor, target, action } = intent
    const { lo, hi } = orderedPair(actor, target)
    const values = [target, before.version, lo, hi, ACTION_CODE[action], next.at]
    const [row] = await this.#db.retryableRows<[seq: number]>(FIND_SWAPPED, values)
    return row ? toEvent(row[0], intent, before, next) : null
  }

  async #readAll(pairs: readonly OrderedPair[]): Promise<(pair: OrderedPair) => Pair> {
    const [first] = pairs
    const rows =
      first && pairs.length === 1
        ? await this.#db.retryableRows<PairRow>(READ, [first.lo, first.hi])
        : await this.#db.retryableRows<PairRow | NoRow>(READ_SEVERAL, columnsOf(pairs, ['lo', 'hi']))
    const found = new Map(pairs.map((pair, at) => [pair, rows[at]]))
    return pair => toPair(found.get(pair), pair)
  }

  #refuse(error: unknown): never {
    const limit = limitOf(error)
    if (limit === null) throw error
    this.#onLimit(limit)
    throw new SocialError('too_many_requests', OVER_LIMIT_TEXTS[limit])
  }
}

function toEvent(seq: number, { actor, target, action }: Intent, before: Pair, { message, at }: PairState): PairEvent {
  const state = { previous: statusOf(before), previousActor: before.actor }
  return { kind: 'pair', seq, actor, target, action, ...state, message, at }
}

function toPair(row: PairRow | NoRow | undefined, { lo, hi }: OrderedPair): Pair {
  if (row === undefined || row[0] === null) return NO_PAIR
  const [version, lastAction, actorIsLo, at, message, byLo, byHi] = row
  const blockedBy = new Map<Address, number>()
  if (byLo !== null) blockedBy.set(lo, byLo)
  if (byHi !== null) blockedBy.set(hi, byHi)
  return {
    version,
    lastAction: actionOfCode(lastAction),
    actor: actorIsLo ? lo : hi,
    message: fromBytes(message),
    at,
    blockedBy
  }
}

/** What is said of a limit, by the word with which the database function raises it. */
const OVER_LIMIT_TEXTS: Record<keyof CountLimits, string> = {
  friends: 'The limit of friends is reached',
  outgoing: 'The limit of pending friendship requests is reached',
  incoming: 'Too many friendship requests wait for the answer of this user'
}

/** The limit that a statement would have gone over; null when it failed for another reason. */
function limitOf(error: unknown): keyof CountLimits | null {
  if (!(error instanceof Error && 'code' in error && error.code === OVER_LIMIT)) return null
  return Object.hasOwn(OVER_LIMIT_TEXTS, error.message) ? (error.message as keyof CountLimits) : null
}
