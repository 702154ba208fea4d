import type { Address } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { actionOf, fromBytes, statusOfCode } from './schema.ts'

/** One look at the log, and which transactions were running when it was taken. */
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
// id itself, which is higher than that of every transaction that had begun.
const AFTER = {
  name: 'log-after',
  text: `select pg_snapshot_xmin(now)::text::bigint,
      case when seq > $1 then pg_current_xact_id()::text::bigint else 0 end, ${EVENT_COLUMNS}
    from pg_current_snapshot() now left join (
      (select ${EVENT_COLUMNS} from pair_event where seq = any($2::bigint[]))
      union all
      (select ${EVENT_COLUMNS} from pair_event where seq > $1 order by seq limit $3)
    ) events on true order by seq`
}
const FIND = { name: 'log-find', text: `select ${EVENT_COLUMNS} from pair_event where seq = $1` }
const LATEST = {
  name: 'log-latest',
  text: `select coalesce(max(seq), 0) from pair_event`
}
const TARGET = 'case when actor_is_lo then hi else lo end'
const MISSED = {
  name: 'log-missed',
  text: `select question, ${EVENT_COLUMNS}
    from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as asked (target, after, most, question)
    cross join lateral (
      select ${EVENT_COLUMNS} from pair_event where ${TARGET} = asked.target and seq > after order by seq limit most
    ) events order by question, seq`
}
/** Users whose events are read together: each may have missed many. */
const MISSED_BATCH = 50

interface MissedBy {
  readonly target: Address
  readonly after: number
  readonly limit: number
}

/** What happened to pairs, in the order of its numbers: the truth that every push repeats. */
export class EventLog {
  readonly #db: Database
  readonly #missed: Batcher<MissedBy, PairEvent[]>

  constructor(db: Database) {
    this.#db = db
    this.#missed = new Batcher(questions => this.#missedBy(questions), {
      maxBatch: MISSED_BATCH,
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

  /** The highest number that can be seen; 0 when nothing ever happened. */
  async latest(): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(LATEST, [])
    return row?.[0] ?? 0
  }

  /** The first `limit` events after a number of which this user is to be told. */
  async missed(target: Address, after: number, limit: number): Promise<PairEvent[]> {
    return this.#missed.load({ target, after, limit })
  }

  async #missedBy(questions: readonly MissedBy[]): Promise<(question: MissedBy) => PairEvent[]> {
    const columns = [
      questions.map(({ target }) => target),
      questions.map(({ after }) => after),
      questions.map(({ limit }) => limit)
    ]
    const rows = await this.#db.retryableRows<[question: number, ...EventRow]>(MISSED, columns)
    const answers = new Map(questions.map((question): [MissedBy, PairEvent[]] => [question, []]))
    for (const [number, ...row] of rows) {
      const question = questions[number - 1]
      const event = toEvent(row)
      if (question && event) answers.get(question)?.push(event)
    }
    return question => answers.get(question) ?? []
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
    action: actionOf(action),
    previous: statusOfCode(previous),
    previousActor: previousActorIsLo === null ? null : sideOf(previousActorIsLo),
    message: fromBytes(message),
    at
  }
}
