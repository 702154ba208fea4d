import type { Database } from './db/database.ts'
import { DATABASE_CLOCK } from './schema.ts'

/** Who may still need events that are old: each holds the log until it has them. */
export const LOG_HOLDERS = ['homeserver', 'sinks', 'outbox', 'instances', 'devices'] as const
export type LogHolder = (typeof LOG_HOLDERS)[number]

/** Which outboxes an instance has. */
export interface Outboxes {
  readonly homeserver: boolean
  readonly sinks: readonly string[]
}

const HOUR_MS = 3_600_000
/** An outbox that no instance had configured for so long does not hold the log. */
const UNUSED_MS = 7 * 24 * HOUR_MS
/** Nor does an instance that was not alive for so long. */
const DEAD_MS = HOUR_MS
/** So many events may stay when all others of their time go: those that outboxes have taken, and not brought on. */
const MAX_KEPT = 10_000

const USE_HOMESERVER = {
  name: 'log-use-homeserver',
  text: `update matrix_log_position set used_at = ${DATABASE_CLOCK} where used_at < ${DATABASE_CLOCK} - ${HOUR_MS}`
}
const USE_SINKS = {
  name: 'log-use-sinks',
  text: `update notification_position set used_at = ${DATABASE_CLOCK}
    where sink = any ($1::text[]) and used_at < ${DATABASE_CLOCK} - ${HOUR_MS}`
}
const isUsed = (position: string): string => `${position}.used_at >= ${DATABASE_CLOCK} - ${UNUSED_MS}`
// The number up to which each has read, and waits for nothing more; null of one that there is not.
const READ = {
  name: 'log-read',
  text: `select
    (select min(least(seq, (select min(seq) - 1 from matrix_log_gap)))
      from matrix_log_position position where ${isUsed('position')}),
    (select min(least(seq, (select min(gap.seq) - 1 from notification_gap gap where gap.sink = position.sink)))
      from notification_position position where ${isUsed('position')}),
    (select min(low_watermark) from instance where alive_at >= ${DATABASE_CLOCK} - ${DEAD_MS})`
}
const DEVICES = {
  name: 'log-devices',
  text: `select min(floor) from stream_position left join instance on instance.id = stream_position.instance
    where coalesce(lost_at, alive_at) >= ${DATABASE_CLOCK} - $1::bigint`
}
const TAKEN = {
  name: 'log-taken',
  text: `select seq from matrix_outbox
    where seq <= $1 and exists (select from matrix_log_position position where ${isUsed('position')})
    union select taken.seq from notification_outbox taken join notification_position position using (sink)
    where taken.seq <= $1 and ${isUsed('position')}
    limit ${MAX_KEPT + 1}`
}
// Small, as is the default partition where they are.
const STRAGGLERS = {
  name: 'log-stragglers',
  text: `delete from pair_event_default where seq <= (select seq from log_horizon)
    and not exists (select from matrix_outbox taken where taken.seq = pair_event_default.seq)
    and not exists (select from notification_outbox taken where taken.seq = pair_event_default.seq)`
}
/** Of the settings, which are few, at a time. */
const SETTINGS_BATCH = 5_000
const SETTINGS = {
  name: 'log-settings',
  text: `delete from settings_event where seq = any (array(
      select seq from (
        select seq, changed_at from settings_event where seq <= $1::bigint order by seq limit ${SETTINGS_BATCH}
      ) oldest where changed_at < ${DATABASE_CLOCK} - $2::bigint
        and not exists (select from notification_outbox taken where taken.seq = oldest.seq)
    ))`
}

/** What of the old log is needed, and by whom. */
export class LogHolders {
  readonly #db: Database
  readonly #windowMs: number

  /** @param windowMs for how long a device that is lost may come back */
  constructor(db: Database, windowMs: number) {
    this.#db = db
    this.#windowMs = windowMs
  }

  /** Says that outboxes are configured, so that what they need is kept. */
  async use({ homeserver, sinks }: Outboxes): Promise<void> {
    if (homeserver) await this.#db.retryableRows(USE_HOMESERVER, [])
    if (sinks.length > 0) await this.#db.retryableRows(USE_SINKS, [sinks])
  }

  /**
   * Who may still need the event of a number, or one before it: the first that is found.
   * @param withDevices whether devices count
   */
  async holderOf(last: number, withDevices: boolean): Promise<LogHolder | null> {
    const needs = (read: number | null | undefined): boolean => typeof read === 'number' && read < last
    const [[homeserver, sinks, instances] = []] = await this.#db.retryableRows<(number | null)[]>(READ, [])
    if (needs(homeserver)) return 'homeserver'
    if (needs(sinks)) return 'sinks'
    if (needs(instances)) return 'instances'
    if (!withDevices) return null
    // Read as a whole, which is why it comes last.
    const [[floor] = []] = await this.#db.retryableRows<[number | null]>(DEVICES, [this.#windowMs])
    return needs(floor) ? 'devices' : null
  }

  /** Events up to a number that outboxes have taken and not brought on, those that are parked too; null when too many. */
  async taken(last: number): Promise<number[] | null> {
    const rows = await this.#db.retryableRows<[number]>(TAKEN, [last])
    return rows.length > MAX_KEPT ? null : rows.map(([seq]) => seq)
  }

  /** Removes a bounded number of what was kept for an outbox that has brought it on, and of old changes of settings. */
  async sweep(retentionMs: number): Promise<void> {
    await this.#db.retryableRows(STRAGGLERS, [])
    const [[, sinks] = []] = await this.#db.retryableRows<(number | null)[]>(READ, [])
    await this.#db.retryableRows(SETTINGS, [sinks ?? Number.MAX_SAFE_INTEGER, retentionMs])
  }
}
