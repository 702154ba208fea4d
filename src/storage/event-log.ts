import type { Address } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { actionOfCode, columnsOf, fromBytes, statusOfCode } from './schema.ts'

/** A read of the log, and which transactions were running at its snapshot. */
export interface EventLogView {
  readonly events: readonly PairEvent[]
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
const AFTER = {
  name: 'log-after',
  text: `select pg_snapshot_xmin(now)::text::bigint,
      case when seq > $1 then pg_current_xact_id()::text::bigint else 0 end, ${EVENT_COLUMNS}
    from pg_current_snapshot() now left join (
      (select ${EVENT_COLUMNS} from pair_event
        where seq = any($2::bigint[]) and seq >= (select min(missing) from unnest($2::bigint[]) missing))
      union all
      (select ${EVENT_COLUMNS} from pair_event where seq > $1 order by seq limit $3)
    ) events on true order by seq`
}
const FIND = { name: 'log-find', text: `select ${EVENT_COLUMNS} from pair_event where seq = $1` }
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

  /** At most `limit` events after a number, and those of `missing` that are there by now; ordered by number. */
  async after(seq: number, missing: readonly number[], limit: number): Promise<EventLogView> {
    type Row = [oldestRunning: number, nextTransaction: number, ...EventRow]
    const rows = await this.#db.retryableRows<Row>(AFTER, [seq, missing, limit])
    const last = rows.at(-1)
    return {
      events: rows.flatMap(([, , ...row]) => toEvent(row) ?? []),
      oldestRunning: last?.[0] ?? 0,
      nextTransaction: last?.[1] ?? 0
    }
  }

  /** The event of a number; null when it is not in the log (any more). */
  async find(seq: number): Promise<PairEvent | null> {
    const [row] = await this.#db.retryableRows<EventRow>(FIND, [seq])
    return row ? toEvent(row) : null
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
