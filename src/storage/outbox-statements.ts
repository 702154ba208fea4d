import type { Statement } from './db/database.ts'
import { DATABASE_CLOCK } from './schema.ts'

/** Which log an outbox follows, and the tables in which it remembers how far it is. */
export interface OutboxTables {
  /** Begins the names of its statements. */
  readonly name: string
  /** What can be selected from: every event with its number `seq`, its pair `lo` and `hi`, and `acted_at`. */
  readonly log: string
  /** The tables that the log is in. */
  readonly logTables: string
  /** The columns of an event, of the log. */
  readonly columns: string
  readonly queue: string
  readonly position: string
  readonly gaps: string
  /** Whether several outboxes share the tables, told apart by the column `sink`. */
  readonly isShared: boolean
}

/** Numbers that may be missing from the log at a time, as in a log cursor. */
const MAX_GAPS = 10_000
/** The event that a lease is on, if it is still that lease. */
const UNDER_LEASE = 'lo = $1 and hi = $2 and seq = $3 and available_at = $4'

/** What limits a statement to one outbox, where several share the tables. */
interface Scope {
  /** A condition on the rows of a table. */
  of(alias?: string): string
  /** What an inserted row has more, as a column and as its value. */
  readonly column: string
  readonly value: string
}

const UNSHARED: Scope = { of: () => 'true', column: '', value: '' }

/** All statements of one kind of outbox. Where the tables are shared, the name of the sink is their last value. */
export function outboxStatements({ name, log, logTables, columns, queue, position, gaps, isShared }: OutboxTables) {
  /** @param values how many values it has without the sink */
  const statement = (what: string, values: number, text: (scope: Scope) => string): Statement => {
    const value = `$${values + 1}::text`
    const of = (alias?: string): string => `${alias === undefined ? '' : `${alias}.`}sink = ${value}`
    return {
      name: `${name}-${what}`,
      text: text(isShared ? { of, column: 'sink, ', value: `${value}, ` } : UNSHARED)
    }
  }
  const leasedEvents = `select available_at, attempts, ${columns} from leased join ${log} using (seq) order by seq`
  // A lower bound spares the partitions of the log below it: those of an array are not known before it is read.
  /** Events that were committed after one with a higher number, and were missing when that one was enqueued. */
  const isLate = ({ of }: Scope): string => `seq = any (array(select seq from ${gaps} where ${of()}))
    and seq >= (select min(seq) from ${gaps} where ${of()})`

  return {
    position: statement('position', 0, ({ of }) => `select seq from ${position} where ${of()}`),
    // Nobody is between taking a number and committing while this is held, so that nothing is missing below the newest.
    lockLog: { name: `${name}-lock-log`, text: `lock table ${logTables} in share mode` },
    begin: statement(
      'begin',
      0,
      ({ column, value }) =>
        `insert into ${position} (${column}seq)
          select ${value}greatest(max(seq), (select seq from log_horizon)) from ${log} on conflict do nothing`
    ),
    // One snapshot shows everything here, and a position that another instance has moved since is left to it: what it
    // found missing could be passed over. (A snapshot that shows an event shows the earlier ones of its pair.) The
    // transaction of a missing number had its id before the snapshot; that of this statement, which must be its first,
    // comes after it: so when all lower ones have ended, the number is there or never will be. Where nothing is new, no
    // id is taken.
    enqueue: statement(
      'enqueue',
      1,
      scope => `with late as (
        select lo, hi, seq from ${log} where ${isLate(scope)}
      ),
      expired as (
        select seq from ${gaps} where ${scope.of()} and bound <= pg_snapshot_xmin(pg_current_snapshot())
        union all (select seq from ${gaps} where ${scope.of()} order by seq desc offset ${MAX_GAPS})
      ),
      position as (
        select seq from ${position}
        where ${scope.of()} and seq = (select seq from ${position} where ${scope.of()})
          and (seq < (select max(seq) from ${log} where seq > (select seq from ${position} where ${scope.of()}))
            or exists (select from late) or exists (select from expired))
        for update skip locked
      ),
      next as (
        select lo, hi, seq from ${log} where seq > (select seq from position) order by seq limit $1
      ),
      moved as (
        update ${position} set seq = (select max(seq) from next)
        where ${scope.of()} and exists (select from next) returning seq
      ),
      gaps as (
        insert into ${gaps} (${scope.column}seq, bound)
        select ${scope.value}number, pg_current_xact_id() from generate_series(
          (select greatest(position.seq + 1, moved.seq - ${MAX_GAPS}) from position, moved), (select seq from moved)
        ) number where not exists (select from next where next.seq = number)
      ),
      closed as (
        delete from ${gaps} where ${scope.of()} and exists (select from position)
          and seq = any (array(select seq from late union all select seq from expired))
        returning seq
      ),
      enqueued as (
        insert into ${queue} (${scope.column}lo, hi, seq)
        select ${scope.value}lo, hi, seq
        from (select * from next union all select late.* from late join closed using (seq)) event
        returning seq
      ) select count(*) from enqueued`
    ),
    // The rows are locked, so that they are where they were found; by their keys the planner would look for too many.
    lease: statement(
      'lease',
      2,
      ({ of }) => `with first as (
        select ctid from ${queue} waiting
        where ${of('waiting')} and not parked and available_at <= ${DATABASE_CLOCK} and not exists (
          select from ${queue} earlier
          where ${of('earlier')} and earlier.lo = waiting.lo and earlier.hi = waiting.hi and earlier.seq < waiting.seq
        )
        order by available_at, seq limit $1 for update skip locked
      ),
      leased as (
        update ${queue} set available_at = ${DATABASE_CLOCK} + $2::bigint
        where ctid = any (array(select ctid from first))
        returning seq, available_at, attempts
      ) ${leasedEvents}`
    ),
    finish: statement(
      'finish',
      5,
      ({ of }) => `with done as (
        delete from ${queue} where ${of()} and ${UNDER_LEASE} returning lo, hi
      ),
      next as (
        select min(seq) as seq from ${queue} join done using (lo, hi) where ${of()} and seq > $3
      ),
      leased as (
        update ${queue} set available_at = ${DATABASE_CLOCK} + $5::bigint
        where ${of()} and lo = $1 and hi = $2 and seq = (select seq from next)
        returning seq, available_at, attempts
      ) ${leasedEvents}`
    ),
    // What comes after it in the pair is delayed as long, so that nobody looks at it in vain.
    postpone: statement(
      'postpone',
      8,
      ({ of }) => `with first as (
        update ${queue} set available_at = ${DATABASE_CLOCK} + $5::bigint, attempts = $6, last_error = $7, parked = $8
        where ${of()} and ${UNDER_LEASE} returning lo, hi, available_at
      )
      update ${queue} later set available_at = first.available_at from first
      where ${of('later')} and later.lo = first.lo and later.hi = first.hi and later.seq > $3`
    ),
    release: statement(
      'release',
      4,
      ({ of }) => `update ${queue} set available_at = 0 where ${of()} and ${UNDER_LEASE}`
    ),
    stats: statement(
      'stats',
      0,
      scope => `select queued.count + next.count + late.count, parked,
          (select acted_at from ${log} where seq = least(queued.first, next.first, late.first))
        from (
            select count(*), count(*) filter (where parked) as parked, min(seq) as first
            from ${queue} where ${scope.of()}
          ) queued,
          (
            select count(*), min(seq) as first from ${log}
            where seq > (select seq from ${position} where ${scope.of()})
          ) next,
          (select count(*), min(seq) as first from ${log} where ${isLate(scope)}) late`
    ),
    parked: statement(
      'parked',
      1,
      ({ of }) => `select first.attempts, first.last_error,
          (select count(*) from ${queue} later
            where ${of('later')} and later.lo = first.lo and later.hi = first.hi and later.seq > first.seq),
          event.* from ${queue} first
        join (select ${columns} from ${log}) event on event.seq = first.seq
        where ${of('first')} and first.parked order by first.seq limit $1`
    ),
    retry: statement(
      'retry',
      0,
      ({ of }) => `with retried as (
        update ${queue} set parked = false, attempts = 0, available_at = 0 where ${of()} and parked returning seq
      ) select count(*) from retried`
    )
  }
}
