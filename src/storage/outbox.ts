import { orderedPair } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { Database } from './db/database.ts'
import { EVENT_COLUMNS, type EventRow, toEvent } from './event-log.ts'
import { DATABASE_CLOCK } from './schema.ts'

/** An event that the homeserver is to follow, and that the caller alone may bring to it for a time. */
export interface LeasedEvent {
  readonly event: PairEvent
  /** Tries before this one that count against it. */
  readonly attempts: number
  /** When the lease ends, by the clock of the database: no two leases of one event have the same. */
  readonly leasedUntil: number
}

/** How an event that could not be brought to the homeserver is tried again. */
export interface Retry {
  /** Until the next try, in milliseconds. */
  readonly delayMs: number
  /** Tries so far that count against it. */
  readonly attempts: number
  /** Without secrets: it is shown to operators. */
  readonly error: string
  /** Whether it waits for an operator from now on. */
  readonly parked: boolean
}

/** An event that waits for an operator, and with it those of the same pair that came after it. */
export interface ParkedEvent {
  readonly event: PairEvent
  readonly attempts: number
  readonly error: string | null
  /** How many events of the pair wait behind it. */
  readonly waiting: number
}

export interface OutboxStats {
  /** Events that the homeserver does not have yet, those that are parked included. */
  readonly depth: number
  readonly parked: number
  /** When the oldest of them was acknowledged, unix milliseconds; null when there is none. */
  readonly oldestAt: number | null
}

type LeasedRow = [leasedUntil: number, attempts: number, ...EventRow]
type ParkedRow = [attempts: number, error: string | null, waiting: number, ...EventRow]

const LEASED = `select available_at, attempts, ${EVENT_COLUMNS} from leased join pair_event using (seq) order by seq`
/** Numbers that may be missing from the log at a time, as in a log cursor. */
const MAX_GAPS = 10_000
/** Events that were committed after one with a higher number, and were missing when that one was enqueued. */
const COMMITTED_LATE = 'seq = any (array(select seq from matrix_log_gap))'
/** The event that a lease is on, if it is still that lease. */
const UNDER_LEASE = 'lo = $1 and hi = $2 and seq = $3 and available_at = $4'

const POSITION = { name: 'outbox-position', text: 'select seq from matrix_log_position' }
// Nobody is between taking a number and committing while this is held, so that nothing is missing below the newest.
const LOCK_LOG = { name: 'outbox-lock-log', text: 'lock table pair_event in share mode' }
const BEGIN = {
  name: 'outbox-begin',
  text: `insert into matrix_log_position (seq) select coalesce(max(seq), 0) from pair_event on conflict do nothing`
}
// One snapshot shows everything here, and a position that another instance has moved since is left to it: what it found
// missing could be passed over. (A snapshot that shows an event shows the earlier ones of its pair.) The transaction of
// a missing number had its id before the snapshot; that of this statement, which must be its first, comes after it: so
// when all lower ones have ended, the number is there or never will be. Where nothing is new, no id is taken.
const ENQUEUE = {
  name: 'outbox-enqueue',
  text: `with late as (
    select lo, hi, seq from pair_event where ${COMMITTED_LATE}
  ),
  expired as (
    select seq from matrix_log_gap where bound <= pg_snapshot_xmin(pg_current_snapshot())
    union all (select seq from matrix_log_gap order by seq desc offset ${MAX_GAPS})
  ),
  position as (
    select seq from matrix_log_position
    where seq = (select seq from matrix_log_position)
      and (seq < (select max(seq) from pair_event) or exists (select from late) or exists (select from expired))
    for update skip locked
  ),
  next as (
    select lo, hi, seq from pair_event where seq > (select seq from position) order by seq limit $1
  ),
  moved as (
    update matrix_log_position set seq = (select max(seq) from next) where exists (select from next) returning seq
  ),
  gaps as (
    insert into matrix_log_gap (seq, bound)
    select number, pg_current_xact_id() from generate_series(
      (select greatest(position.seq + 1, moved.seq - ${MAX_GAPS}) from position, moved), (select seq from moved)
    ) number where not exists (select from next where next.seq = number)
  ),
  closed as (
    delete from matrix_log_gap where exists (select from position)
      and seq = any (array(select seq from late union all select seq from expired))
    returning seq
  ),
  enqueued as (
    insert into matrix_outbox (lo, hi, seq)
    select lo, hi, seq from (select * from next union all select late.* from late join closed using (seq)) event
    returning seq
  ) select count(*) from enqueued`
}
// The rows are locked, so that they are where they were found; by their keys the planner would look for too many.
const LEASE = {
  name: 'outbox-lease',
  text: `with first as (
    select ctid from matrix_outbox waiting
    where not parked and available_at <= ${DATABASE_CLOCK} and not exists (
      select from matrix_outbox earlier
      where earlier.lo = waiting.lo and earlier.hi = waiting.hi and earlier.seq < waiting.seq
    )
    order by available_at, seq limit $1 for update skip locked
  ),
  leased as (
    update matrix_outbox set available_at = ${DATABASE_CLOCK} + $2::bigint
    where ctid = any (array(select ctid from first))
    returning seq, available_at, attempts
  ) ${LEASED}`
}
const FINISH = {
  name: 'outbox-finish',
  text: `with done as (
    delete from matrix_outbox where ${UNDER_LEASE} returning lo, hi
  ),
  next as (
    select min(seq) as seq from matrix_outbox join done using (lo, hi) where seq > $3
  ),
  leased as (
    update matrix_outbox set available_at = ${DATABASE_CLOCK} + $5::bigint
    where lo = $1 and hi = $2 and seq = (select seq from next)
    returning seq, available_at, attempts
  ) ${LEASED}`
}
// What comes after it in the pair is delayed as long, so that nobody looks at it in vain.
const POSTPONE = {
  name: 'outbox-postpone',
  text: `with first as (
    update matrix_outbox set available_at = ${DATABASE_CLOCK} + $5::bigint, attempts = $6, last_error = $7, parked = $8
    where ${UNDER_LEASE} returning lo, hi, available_at
  )
  update matrix_outbox later set available_at = first.available_at from first
  where later.lo = first.lo and later.hi = first.hi and later.seq > $3`
}
const RELEASE = {
  name: 'outbox-release',
  text: `update matrix_outbox set available_at = 0 where ${UNDER_LEASE}`
}
const STATS = {
  name: 'outbox-stats',
  text: `select queued.count + next.count + late.count, parked,
      (select acted_at from pair_event where seq = least(queued.first, next.first, late.first))
    from (select count(*), count(*) filter (where parked) as parked, min(seq) as first from matrix_outbox) queued,
      (select count(*), min(seq) as first from pair_event where seq > (select seq from matrix_log_position)) next,
      (select count(*), min(seq) as first from pair_event where ${COMMITTED_LATE}) late`
}
const PARKED = {
  name: 'outbox-parked',
  text: `select first.attempts, first.last_error,
    (select count(*) from matrix_outbox later
      where later.lo = first.lo and later.hi = first.hi and later.seq > first.seq),
    event.* from matrix_outbox first
    join (select ${EVENT_COLUMNS} from pair_event) event on event.seq = first.seq
    where first.parked order by first.seq limit $1`
}
const RETRY = {
  name: 'outbox-retry',
  text: `with retried as (
    update matrix_outbox set parked = false, attempts = 0, available_at = 0 where parked returning seq
  ) select count(*) from retried`
}

/**
 * What the homeserver still has to follow. The events of a pair are leased one after the other, in the order of the
 * log, whatever the number of instances; those of different pairs side by side.
 */
export class OutboxStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Starts with what happens from now on; where it was started before, it goes on with what has happened since. */
  async begin(): Promise<void> {
    await this.#db.transaction(async tx => {
      if ((await tx.rows(POSITION, [])).length > 0) return
      await tx.rows(LOCK_LOG, [])
      await tx.rows(BEGIN, [])
    })
  }

  /**
   * Puts the next part of the log into the outbox, each event once, whatever the number of instances.
   * @param limit how many events, beside those that were committed late
   * @returns how many there were; 0 also while another instance does the same
   */
  async enqueueFromLog(limit: number): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(ENQUEUE, [limit])
    return row?.[0] ?? 0
  }

  /** Leases the first event of at most `limit` pairs of which none is leased, oldest first. */
  async lease(limit: number, leaseMs: number): Promise<LeasedEvent[]> {
    return (await this.#db.rows<LeasedRow>(LEASE, [limit, leaseMs])).flatMap(toLeased)
  }

  /**
   * Removes an event that the homeserver has, and leases the next of the same pair.
   * @returns null when there is no other, and when the lease was over: then it is another instance's
   */
  async finish(leased: LeasedEvent, leaseMs: number): Promise<LeasedEvent | null> {
    const rows = await this.#db.rows<LeasedRow>(FINISH, [...leaseOf(leased), leaseMs])
    return rows.flatMap(toLeased)[0] ?? null
  }

  /** Gives back an event that could not be brought to the homeserver. */
  async postpone(leased: LeasedEvent, { delayMs, attempts, error, parked }: Retry): Promise<void> {
    await this.#db.rows(POSTPONE, [...leaseOf(leased), Math.round(delayMs), attempts, error, parked])
  }

  /** Gives back an event as it was, for anybody to go on with at once. */
  async release(leased: LeasedEvent): Promise<void> {
    await this.#db.rows(RELEASE, leaseOf(leased))
  }

  async stats(): Promise<OutboxStats> {
    const [row] = await this.#db.retryableRows<[number, number, number | null]>(STATS, [])
    const [depth = 0, parked = 0, oldestAt = null] = row ?? []
    return { depth, parked, oldestAt }
  }

  /** The first `limit` events that wait for an operator, oldest first. */
  async parked(limit: number): Promise<ParkedEvent[]> {
    const rows = await this.#db.retryableRows<ParkedRow>(PARKED, [limit])
    return rows.flatMap(([attempts, error, waiting, ...row]) => {
      const event = toEvent(row)
      return event ? { event, attempts, error, waiting } : []
    })
  }

  /** Lets everything that is parked be tried again. @returns how many events that are */
  async retryParked(): Promise<number> {
    const [row] = await this.#db.rows<[number]>(RETRY, [])
    return row?.[0] ?? 0
  }
}

/** The values of {@link UNDER_LEASE}. */
function leaseOf({ event, leasedUntil }: LeasedEvent): (string | number)[] {
  const { lo, hi } = orderedPair(event.actor, event.target)
  return [lo, hi, event.seq, leasedUntil]
}

function toLeased([leasedUntil, attempts, ...row]: LeasedRow): LeasedEvent | [] {
  const event = toEvent(row)
  return event ? { event, attempts, leasedUntil } : []
}
