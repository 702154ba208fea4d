import type { Statement } from './db/database.ts'

/** A part of the log: all events from one number on, and before another. */
export interface LogPartition {
  readonly from: number
  readonly until: number
  /** The number of its last event; null while it has none. */
  readonly last: number | null
  /** When its first and its last event happened, unix milliseconds; null while it has none. */
  readonly oldestAt: number | null
  readonly newestAt: number | null
}

/** Which partitions the log has, and what is in the default one beside them. */
export interface LogLayout {
  readonly partitions: readonly LogPartition[]
  /** The number that the next event takes. */
  readonly next: number
  /** Whether the default partition has events beyond all others: of before there were any, or because they ran out. */
  readonly isOverflown: boolean
  /** Whether it has events of before all others, kept for somebody who still needs them. */
  readonly hasStragglers: boolean
  /** How large it is. */
  readonly defaultBytes: number
  /** A number below which all of it is, or is being proven to be; null when nobody has begun to. */
  readonly bound: { readonly until: number; readonly isProven: boolean } | null
}

/** Runs a statement, within a transaction or by itself. */
export type Rows = <Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>

/** Without a name, so that no connection keeps it: they differ, or are seldom run. */
export const unprepared = (text: string): Statement => ({ name: '', text })

/** The constraint by which the default partition is proven to end somewhere, without anybody waiting for it. */
export const BOUND = 'log_bound'

const PARTITIONS = unprepared(`
  select substring(bound from $$FROM \\('?(\\d+)$$)::bigint, substring(bound from $$TO \\('?(\\d+)$$)::bigint
  from pg_inherits join pg_class part on part.oid = inhrelid, pg_get_expr(part.relpartbound, part.oid) bound
  where inhparent = 'pair_event'::regclass and bound <> 'DEFAULT' order by 1`)
const CONTENTS = unprepared(`
  select last.seq, first.acted_at, last.acted_at
  from unnest($1::bigint[], $2::bigint[]) with ordinality as part (start, until, place)
  left join lateral (
    select acted_at from pair_event where seq >= start and seq < until order by seq limit 1
  ) first on true
  left join lateral (
    select seq, acted_at from pair_event where seq >= start and seq < until order by seq desc limit 1
  ) last on true order by place`)
const DEFAULT = unprepared(`
  select last_value + is_called::int, pg_relation_size('pair_event_default'),
    exists (select from pair_event_default where seq >= $1 order by seq limit 1),
    exists (select from pair_event_default where seq < $1 order by seq limit 1),
    (select substring(pg_get_constraintdef(oid) from $$< '?(\\d+)$$)::bigint
      from pg_constraint where conrelid = 'pair_event_default'::regclass and conname = '${BOUND}'),
    (select convalidated
      from pg_constraint where conrelid = 'pair_event_default'::regclass and conname = '${BOUND}')
  from pair_event_seq`)

export async function readLayout(rows: Rows): Promise<LogLayout> {
  const bounds = await rows<[from: number, until: number]>(PARTITIONS, [])
  const columns = [bounds.map(([from]) => from), bounds.map(([, until]) => until)]
  type Contents = [last: number | null, oldestAt: number | null, newestAt: number | null]
  const contents = bounds.length === 0 ? [] : await rows<Contents>(CONTENTS, columns)
  type DefaultRow = [number, number, boolean, boolean, number | null, boolean | null]
  const [row] = await rows<DefaultRow>(DEFAULT, [bounds.at(-1)?.[1] ?? 0])
  const [next = 1, defaultBytes = 0, isOverflown = false, hasStragglers = false, until = null, isProven = null] =
    row ?? []
  return {
    partitions: bounds.map(([from, until], at) => {
      const [last = null, oldestAt = null, newestAt = null] = contents[at] ?? []
      return { from, until, last, oldestAt, newestAt }
    }),
    next,
    isOverflown,
    hasStragglers,
    defaultBytes,
    bound: until === null ? null : { until, isProven: isProven === true }
  }
}

/** Partitions of fewer events would be many, and each statement that reads the log locks them all. */
const MIN_EVENTS = 1_000_000
/** A partition has so much of the log: what is dropped is dropped in about as many parts, however large the log is. */
const SHARE = 8
/** How many events the next partition takes. */
export function sizeOfNext({ partitions }: LogLayout): number {
  const events = partitions.reduce((sum, { from, last }) => sum + (last === null ? 0 : last - from + 1), 0)
  return Math.max(MIN_EVENTS, Math.ceil(events / SHARE))
}

/** How much room there is for what comes, in partitions of the present size. */
export function sizesAhead(layout: LogLayout): number {
  return (endOf(layout) - layout.next) / sizeOfNext(layout)
}

/** The number at which the last partition ends. */
export function endOf({ partitions }: LogLayout): number {
  return partitions.at(-1)?.until ?? 0
}
