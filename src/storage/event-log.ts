import type { Address, OrderedPair } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { actionOfCode, columnsOf, fromBytes, splitAddresses, statusOfCode } from './schema.ts'

/** As much of an event as says whom it concerns; of the users nothing where nobody asked for them. */
interface SweptEvent extends Partial<OrderedPair> {
  readonly seq: number
}

/** A sweep of the log, and which transactions were running at its snapshot. */
interface EventLogView {
  readonly events: readonly SweptEvent[]
  readonly oldestRunning: number
  /** 0 when nothing new was found. */
  readonly nextTransaction: number
}

/** One event, in the order of {@link EVENT_COLUMNS}. */
export type EventRow = [
  seq: number | null,
  lo: Address,
  hi: Address,
  action: number,
  previous: number,
  previousActorIsLo: boolean | null,
  actorIsLo: boolean,
  at: number,
  message: Buffer | null
]

export const EVENT_COLUMNS = 'seq, lo, hi, action, previous, previous_actor_is_lo, actor_is_lo, acted_at, message'
// The snapshot is that of the statement, so that it says exactly which transactions the rows could not show. But it does
// not know the highest id that was given: its end is that of the last transaction that has ended, and one that runs may
// be beyond it and yet have a lower number than an event that is seen. So a statement that finds something new takes an
// id itself, which is higher than that of every transaction that had begun. The least missing number is said by itself, as
// partitions are not spared for what is in an array.
const SWEEP = {
  name: 'log-sweep',
  text: `select pg_snapshot_xmin(now)::text::bigint,
      case when last > $1 then pg_current_xact_id()::text::bigint else 0 end, seqs, users
    from pg_current_snapshot() now, (
      select max(seq) as last, string_agg(seq::text, ',') as seqs, string_agg(lo || hi, '') filter (where $4) as users
      from (
        (select seq, lo, hi from pair_event
          where seq = any($2::bigint[]) and seq >= (select min(missing) from unnest($2::bigint[]) missing))
        union all
        (select seq, lo, hi from pair_event where seq > $1 order by seq limit $3)
        order by seq
      ) events
    ) found`
}
const FIND = {
  name: 'log-find',
  text: `select ${EVENT_COLUMNS} from pair_event
    where seq = any($1::bigint[]) and seq >= (select min(wanted) from unnest($1::bigint[]) wanted) order by seq`
}
const LATEST = {
  name: 'log-latest',
  text: `select greatest(max(seq), (select seq from log_horizon)) from pair_event`
}
const HORIZON = { name: 'log-horizon', text: 'select seq from log_horizon' }
const TARGET = 'case when actor_is_lo then hi else lo end'
const FOR_TARGETS = {
  name: 'log-for-targets',
  text: `select place, ${EVENT_COLUMNS}
    from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as wanted (target, after, most, place)
    cross join lateral (
      select ${EVENT_COLUMNS} from pair_event where ${TARGET} = wanted.target and seq > after order by seq limit most
    ) events order by place, seq`
}
/** Users whose events are read together: each may have many. */
const TARGET_BATCH = 50

/** A part of the log: what others did to one user. */
interface TargetQuery {
  readonly target: Address
  readonly after: number
  readonly limit: number
}

/** What happened to pairs, in the order of its numbers: the truth that every push repeats. */
export class EventLog {
  readonly #db: Database
  readonly #byTarget: Batcher<TargetQuery, PairEvent[]>

  constructor(db: Database) {
    this.#db = db
    this.#byTarget = new Batcher(queries => this.#loadByTarget(queries), {
      maxBatch: TARGET_BATCH,
      isOutage: isUnavailable
    })
  }

  /**
   * At most `limit` events after a number, and those of `missing` that are there by now; ordered by number. All in one
   * row, because it is done so often, on every instance, for what nearly always concerns nobody there.
   * @param withUsers whether somebody wants to know whom they concern
   */
  async sweep(seq: number, missing: readonly number[], limit: number, withUsers: boolean): Promise<EventLogView> {
    type Row = [oldestRunning: number, nextTransaction: number, seqs: string | null, users: string | null]
    const [row] = await this.#db.retryableRows<Row>(SWEEP, [seq, missing, limit, withUsers])
    const [oldestRunning, nextTransaction, seqs, users] = row ?? [0, 0, null, null]
    const addresses = splitAddresses(users ?? '')
    const events = (seqs?.split(',') ?? []).map((seq, at) => {
      const [lo, hi] = [addresses[2 * at], addresses[2 * at + 1]]
      return lo && hi ? { seq: Number(seq), lo, hi } : { seq: Number(seq) }
    })
    return { events, oldestRunning, nextTransaction }
  }

  /** The events of these numbers, as far as they are in the log (any more); ordered by number. */
  async findAll(seqs: readonly number[]): Promise<PairEvent[]> {
    const rows = await this.#db.retryableRows<EventRow>(FIND, [seqs])
    return rows.flatMap(row => toEvent(row) ?? [])
  }

  /** The event of a number; null when it is not in the log (any more). */
  async find(seq: number): Promise<PairEvent | null> {
    return (await this.findAll([seq]))[0] ?? null
  }

  /** The highest number that could ever be seen; 0 when nothing ever happened. */
  async latest(): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(LATEST, [])
    return row?.[0] ?? 0
  }

  /** Events up to this number were dropped, because nobody needs them any more; 0 when none was. */
  async horizon(): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(HORIZON, [])
    return row?.[0] ?? 0
  }

  /** The first `limit` events after a number of which this user is the target. */
  async afterForTarget(target: Address, after: number, limit: number): Promise<PairEvent[]> {
    return this.#byTarget.load({ target, after, limit })
  }

  async #loadByTarget(queries: readonly TargetQuery[]): Promise<(query: TargetQuery) => PairEvent[]> {
    const columns = columnsOf(queries, ['target', 'after', 'limit'])
    const rows = await this.#db.retryableRows<[place: number, ...EventRow]>(FOR_TARGETS, columns)
    const events = new Map(queries.map((query): [TargetQuery, PairEvent[]] => [query, []]))
    for (const [place, ...row] of rows) {
      const query = queries[place - 1]
      const event = toEvent(row)
      if (query && event) events.get(query)?.push(event)
    }
    return query => events.get(query) ?? []
  }
}

/** @returns null for a row of nulls, as an outer join makes it */
export function toEvent(row: EventRow): PairEvent | null {
  const [seq, lo, hi, action, previous, previousActorIsLo, actorIsLo, at, message] = row
  if (seq === null) return null
  const sideOf = (isLo: boolean): Address => (isLo ? lo : hi)
  return {
    kind: 'pair',
    seq,
    actor: sideOf(actorIsLo),
    target: sideOf(!actorIsLo),
    action: actionOfCode(action),
    previous: statusOfCode(previous),
    previousActor: previousActorIsLo === null ? null : sideOf(previousActorIsLo),
    message: fromBytes(message),
    at
  }
}
