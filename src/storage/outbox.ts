import { type OrderedPair, orderedPair } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import type { Database } from './db/database.ts'
import { EVENT_COLUMNS, type EventRow, toEvent } from './event-log.ts'
import { type OutboxTables, outboxStatements } from './outbox-statements.ts'

/** An event that has to be brought somewhere, and that the caller alone may bring there for a time. */
export interface LeasedEvent<Event = PairEvent> {
  readonly event: Event
  /** Tries before this one that count against it. */
  readonly attempts: number
  /** When the lease ends, by the clock of the database: no two leases of one event have the same. */
  readonly leasedUntil: number
}

/** How an event that could not be brought there is tried again. */
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
export interface ParkedEvent<Event = PairEvent> {
  readonly event: Event
  readonly attempts: number
  readonly error: string | null
  /** How many events of the pair wait behind it. */
  readonly waiting: number
}

export interface OutboxStats {
  /** Events that were not brought there yet, those that are parked included. */
  readonly depth: number
  readonly parked: number
  /** When the oldest of them was acknowledged, unix milliseconds; null when there is none. */
  readonly oldestAt: number | null
}

type Row = readonly unknown[]

/** Something that has its place in a log. */
export interface LoggedEvent {
  readonly seq: number
}

/** What an outbox follows, and how its rows are read. */
interface OutboxKindOptions<Event extends LoggedEvent> extends OutboxTables {
  /** The event of a row, in the order of the columns; null for one of nulls. */
  toEvent(row: Row): Event | null
  /** What keeps its events in order: two users, or one user twice. */
  pairOf(event: Event): OrderedPair
}

/** A kind of outbox, with its statements. */
export type OutboxKind<Event extends LoggedEvent> = ReturnType<typeof outboxKind<Event>>

export function outboxKind<Event extends LoggedEvent>(options: OutboxKindOptions<Event>) {
  const { isShared, toEvent, pairOf } = options
  return { isShared, toEvent, pairOf, sql: outboxStatements(options) }
}

/** What happens to pairs, as the homeserver has to follow it. */
export const MATRIX_OUTBOX = outboxKind<PairEvent>({
  name: 'outbox',
  log: 'pair_event',
  logTables: 'pair_event',
  columns: EVENT_COLUMNS,
  queue: 'matrix_outbox',
  position: 'matrix_log_position',
  gaps: 'matrix_log_gap',
  isShared: false,
  toEvent: row => toEvent(row as EventRow),
  pairOf: ({ actor, target }) => orderedPair(actor, target)
})

/**
 * What still has to be brought to the homeserver, or to another system. The events of a pair are leased one after the
 * other, in the order of the log, whatever the number of instances; those of different pairs side by side.
 */
export class OutboxStore<Event extends LoggedEvent = PairEvent> {
  readonly #db: Database
  readonly #kind: OutboxKind<Event>
  /** The last value of each statement. */
  readonly #scope: readonly string[]

  /** @param sink whose outbox it is, of a kind whose tables are shared */
  constructor(db: Database, kind: OutboxKind<Event>, sink?: string) {
    if (kind.isShared !== (sink !== undefined)) throw new Error('An outbox in shared tables needs the name of its sink')
    this.#db = db
    this.#kind = kind
    this.#scope = sink === undefined ? [] : [sink]
  }

  /** Starts with what happens from now on; where it was started before, it goes on with what has happened since. */
  async begin(): Promise<void> {
    const { position, lockLog, begin } = this.#kind.sql
    await this.#db.transaction(async tx => {
      if ((await tx.rows(position, this.#scope)).length > 0) return
      await tx.rows(lockLog, [])
      await tx.rows(begin, this.#scope)
    })
  }

  /**
   * Puts the next part of the log into the outbox, each event once, whatever the number of instances.
   * @param limit how many events, beside those that were committed late
   * @returns how many there were; 0 also while another instance does the same
   */
  async enqueueFromLog(limit: number): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(this.#kind.sql.enqueue, [limit, ...this.#scope])
    return row?.[0] ?? 0
  }

  /** Leases the first event of at most `limit` pairs of which none is leased, oldest first. */
  async lease(limit: number, leaseMs: number): Promise<LeasedEvent<Event>[]> {
    return this.#leased(await this.#db.rows(this.#kind.sql.lease, [limit, leaseMs, ...this.#scope]))
  }

  /**
   * Removes an event that was brought there, and leases the next of the same pair.
   * @returns null when there is no other, and when the lease was over: then it is another instance's
   */
  async finish(leased: LeasedEvent<Event>, leaseMs: number): Promise<LeasedEvent<Event> | null> {
    const values = [...this.#leaseOf(leased), leaseMs, ...this.#scope]
    return this.#leased(await this.#db.rows(this.#kind.sql.finish, values))[0] ?? null
  }

  /** Gives back an event that could not be brought there. */
  async postpone(leased: LeasedEvent<Event>, { delayMs, attempts, error, parked }: Retry): Promise<void> {
    const values = [...this.#leaseOf(leased), Math.round(delayMs), attempts, error, parked, ...this.#scope]
    await this.#db.rows(this.#kind.sql.postpone, values)
  }

  /** Gives back an event as it was, for anybody to go on with at once. */
  async release(leased: LeasedEvent<Event>): Promise<void> {
    await this.#db.rows(this.#kind.sql.release, [...this.#leaseOf(leased), ...this.#scope])
  }

  async stats(): Promise<OutboxStats> {
    type StatsRow = [depth: number, parked: number, oldestAt: number | null]
    const [row] = await this.#db.retryableRows<StatsRow>(this.#kind.sql.stats, this.#scope)
    const [depth = 0, parked = 0, oldestAt = null] = row ?? []
    return { depth, parked, oldestAt }
  }

  /** The first `limit` events that wait for an operator, oldest first. */
  async parked(limit: number): Promise<ParkedEvent<Event>[]> {
    type ParkedRow = [attempts: number, error: string | null, waiting: number, ...Row]
    const rows = await this.#db.retryableRows<ParkedRow>(this.#kind.sql.parked, [limit, ...this.#scope])
    return rows.flatMap(([attempts, error, waiting, ...row]) => {
      const event = this.#kind.toEvent(row)
      return event ? { event, attempts, error, waiting } : []
    })
  }

  /** Lets everything that is parked be tried again. @returns how many events that are */
  async retryParked(): Promise<number> {
    const [row] = await this.#db.rows<[number]>(this.#kind.sql.retry, this.#scope)
    return row?.[0] ?? 0
  }

  /** The values by which a statement finds what a lease is on. */
  #leaseOf({ event, leasedUntil }: LeasedEvent<Event>): (string | number)[] {
    const { lo, hi } = this.#kind.pairOf(event)
    return [lo, hi, event.seq, leasedUntil]
  }

  #leased(rows: readonly Row[]): LeasedEvent<Event>[] {
    return (rows as readonly [leasedUntil: number, attempts: number, ...Row][]).flatMap(
      ([leasedUntil, attempts, ...row]) => {
        const event = this.#kind.toEvent(row)
        return event ? { event, attempts, leasedUntil } : []
      }
    )
  }
}
