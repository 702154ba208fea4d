import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from './db/database.ts'
import {
  BOUND,
  endOf,
  type LogLayout,
  type LogPartition,
  type Rows,
  readLayout,
  sizeOfNext,
  sizesAhead,
  unprepared
} from './log-layout.ts'

/** When there are no more partitions ahead, in their present size, some are made; and how many there are then. */
const LEAST_AHEAD = 1
const MADE_AHEAD = 2
/** A default partition that is smaller is read while everybody waits: some hundredths of a second. */
const SOON_READ_BYTES = 64 * 1_048_576
/**
 * How far ahead the end of a larger one is put, while it is proven that nothing in it is beyond: what goes on being
 * written there must not come near. The numbers in between are never used.
 */
const FAR = 100_000_000
/**
 * Those who write may have to wait so long for the lock of a change of the layout, in milliseconds, and the change is tried
 * again later: a long reader such as a backup must not make them wait for its end.
 */
const LOCK_TIMEOUT_MS = 100
const TRIES = 5
const PAUSE_MS = 200
/** A lock that could not be had; or an event that came into the default partition meanwhile and is to be bounded first. */
const MEANWHILE = ['55P03', '23514']

/** One instance at a time changes the layout: whoever has this lock of the database. */
const EXCLUSIVE = unprepared('select pg_try_advisory_xact_lock(7305214, 5)')
// Nobody takes a number from here to the end of the transaction; the next one has been taken by nobody.
const LOCK_NUMBERS = unprepared('alter sequence pair_event_seq increment by 1')
const NEXT = unprepared('select last_value + is_called::int from pair_event_seq')
/** Outboxes that no instance has any more go on behind what was dropped, should they ever. */
const SKIP = ['matrix_log_position', 'notification_position'].map(table =>
  unprepared(`update ${table} set seq = $1 where seq < $1`)
)
const FORGET = ['matrix_log_gap', 'matrix_outbox', 'notification_gap', 'notification_outbox'].map(table =>
  unprepared(`delete from ${table} where seq <= $1
    and not exists (select from unnest($2::bigint[]) kept where kept = ${table}.seq)`)
)

/** The partitions of the log: what is written goes into the last ones, and the first ones can be dropped as a whole. */
export class LogPartitions {
  readonly #db: Database
  readonly #soonReadBytes: number

  /** @param soonReadBytes what may be read while everybody waits */
  constructor(db: Database, soonReadBytes = SOON_READ_BYTES) {
    this.#db = db
    this.#soonReadBytes = soonReadBytes
  }

  layout(): Promise<LogLayout> {
    return readLayout((statement, values) => this.#db.retryableRows(statement, values))
  }

  /**
   * Makes partitions for what comes next, unless there are enough. Events that came while there was none are in the
   * default partition, which becomes one with bounds then, where it is.
   * @returns whether there are enough now; not when another instance is about it, or a lock could not be had
   */
  async prepare(): Promise<boolean> {
    const before = await this.layout()
    if (!before.isOverflown && sizesAhead(before) >= LEAST_AHEAD) return true
    if (isLarge(before, this.#soonReadBytes) && !(await this.#proveBound(before))) return false
    return this.#exclusively(async rows => {
      const layout = await readLayout(rows)
      if (layout.isOverflown) await this.#boundDefault(rows, layout)
      let grown = await readLayout(rows)
      while (sizesAhead(grown) < MADE_AHEAD) {
        const from = endOf(grown)
        await make(rows, from, Math.max(from, grown.next) + sizeOfNext(grown))
        grown = await readLayout(rows)
      }
    })
  }

  /** Has the next event go into the next partition, if the present one is still this one. */
  async close({ from, until }: LogPartition): Promise<boolean> {
    return this.#exclusively(async rows => {
      await rows(LOCK_NUMBERS, [])
      const [[next = 0] = []] = await rows<[number]>(NEXT, [])
      if (next > from && next < until) await rows(unprepared(`alter sequence pair_event_seq restart with ${until}`), [])
    })
  }

  /**
   * Drops the first partition, whatever is in it. It takes as long as it takes to forget a file.
   * @param kept numbers of events that stay, a few: what an outbox has not brought to its target
   * @returns whether it is dropped
   */
  async drop({ from, until, last }: LogPartition, kept: readonly number[]): Promise<boolean> {
    return this.#exclusively(async rows => {
      const [first] = (await readLayout(rows)).partitions
      if (first?.from !== from || first.until !== until) return
      const part = nameOf(from)
      await rows(unprepared('lock table only pair_event in access exclusive mode'), [])
      await rows(unprepared(`alter table pair_event detach partition ${part}`), [])
      // With the partition gone they go into the default one.
      await rows(unprepared(`insert into pair_event select * from ${part} where seq = any ($1::bigint[])`), [kept])
      await rows(unprepared(`drop table ${part}`), [])
      if (last === null) return
      await rows(unprepared('update log_horizon set seq = $1'), [last])
      for (const statement of SKIP) await rows(statement, [last])
      for (const statement of FORGET) await rows(statement, [last, kept])
    })
  }

  /** Proves that the default partition ends somewhere, while everybody goes on. @returns whether it is proven */
  async #proveBound(layout: LogLayout): Promise<boolean> {
    if (layout.bound?.isProven) return true
    const isBegun =
      layout.bound !== null ||
      (await this.#exclusively(async rows => {
        const { bound, next } = await readLayout(rows)
        if (bound) return
        await rows(
          unprepared(`alter table pair_event_default add constraint ${BOUND}
            check (seq >= ${endOf(layout)} and seq < ${next + FAR}) not valid`),
          []
        )
      }))
    if (!isBegun) return false
    await this.#db.maintain(async client => {
      await client.query(`alter table pair_event_default validate constraint ${BOUND}`)
    })
    return true
  }

  /** Makes the default partition one that ends where the next event comes, and an empty one the default partition. */
  async #boundDefault(rows: Rows, layout: LogLayout): Promise<void> {
    const from = endOf(layout)
    const part = nameOf(from)
    // Nobody writes from here on: whoever had taken a number has written, or never will.
    await rows(unprepared('lock table only pair_event in access exclusive mode'), [])
    await rows(LOCK_NUMBERS, [])
    const [[next = 0] = []] = await rows<[number]>(NEXT, [])
    const until = layout.bound?.isProven ? layout.bound.until : next
    for (const text of [
      'alter table pair_event detach partition pair_event_default',
      `alter table pair_event_default rename to ${part}`,
      'create table pair_event_default (like pair_event including all)',
      'alter table pair_event attach partition pair_event_default default',
      `with stragglers as (delete from ${part} where seq < ${from} returning *)
        insert into pair_event_default select * from stragglers`,
      `alter table pair_event attach partition ${part} for values from (${from}) to (${until})`,
      `alter table ${part} drop constraint if exists ${BOUND}`,
      `alter sequence pair_event_seq restart with ${until}`
    ]) {
      await rows(unprepared(text), [])
    }
  }

  /** @returns whether it was done: not when another instance changes the layout, or a lock could not be had in time */
  async #exclusively(work: (rows: Rows) => Promise<void>): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#db.transaction(async tx => {
          const rows: Rows = (statement, values) => tx.rows(statement, values)
          await rows(unprepared(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`), [])
          const [[isMine = false] = []] = await rows<[boolean]>(EXCLUSIVE, [])
          if (isMine) await work(rows)
          return isMine
        })
      } catch (error) {
        if (!isMeanwhile(error)) throw error
        if (attempt === TRIES) return false
        await wait(PAUSE_MS * (1 + Math.random()))
      }
    }
  }
}

const nameOf = (from: number): string => `pair_event_${from}`

/** It is made beside the log and attached when it is there: those who write wait for neither. */
async function make(rows: Rows, from: number, until: number): Promise<void> {
  await rows(unprepared(`create table ${nameOf(from)} (like pair_event including all)`), [])
  await rows(
    unprepared(`alter table pair_event attach partition ${nameOf(from)} for values from (${from}) to (${until})`),
    []
  )
}

/** Whether it would take too long to read the default partition while everybody waits. */
function isLarge({ isOverflown, hasStragglers, defaultBytes }: LogLayout, bytes: number): boolean {
  return isOverflown && !hasStragglers && defaultBytes > bytes
}

function isMeanwhile(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const fault = error.cause instanceof Error ? error.cause : error
  return 'code' in fault && typeof fault.code === 'string' && MEANWHILE.includes(fault.code)
}
