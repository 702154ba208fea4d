import type { Address } from '../domain/address.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { ListDatabase } from './db/replicas.ts'
import { splitAddresses } from './schema.ts'

/** A user whom another one blocks. */
export interface BlockedUser {
  readonly address: Address
  /** Since when, unix milliseconds. */
  readonly since: number
}

/** Of more blocks than this of one user it is not looked for the latest. */
const STATUS_CAP = 10_000

/** The column `other`: whom a user blocks. */
export const blockedBy = (user: string): string => `
  select hi as other from pair where lo = ${user} and blocked_by_lo is not null
  union all
  select lo from pair where hi = ${user} and blocked_by_hi is not null`

/** The column `other`: who blocks a user. */
export const blockersOf = (user: string): string => `
  select hi as other from pair where lo = ${user} and blocked_by_hi is not null
  union all
  select lo from pair where hi = ${user} and blocked_by_lo is not null`

const BLOCKED_SINCE = `
  select hi as other, blocked_by_lo as since from pair where lo = $1 and blocked_by_lo is not null
  union all
  select lo, blocked_by_hi from pair where hi = $1 and blocked_by_hi is not null`

const BLOCKERS_SINCE = `
  select hi as other, blocked_by_hi as since from pair where lo = $1 and blocked_by_hi is not null
  union all
  select lo, blocked_by_lo from pair where hi = $1 and blocked_by_lo is not null`

const BLOCKED = {
  name: 'blocked',
  text: `with mine as (${BLOCKED_SINCE}), page as (
      select other, since from mine order by since desc, other limit $2 offset $3
    )
    select n, other, since from (select count(*) as n from mine) total left join page on true
    order by since desc, other`
}

const latest = (users: string): string => `(select string_agg(other, '' order by since desc, other) from (
  select other, since from (${users} limit ${STATUS_CAP}) capped order by since desc, other limit $2) page)`
const STATUS = {
  name: 'blocking-status',
  text: `select ${latest(BLOCKED_SINCE)}, ${latest(BLOCKERS_SINCE)}`
}

/** Who blocks whom, as the rows of the pairs say. */
export class BlockLists {
  readonly #db: ListDatabase

  constructor(db: ListDatabase) {
    this.#db = db
  }

  /** Users whom this one blocks, latest first. */
  async blocked(user: Address, page: Page): Promise<Paged<BlockedUser>> {
    type Row = [total: number, address: Address | null, since: number]
    const rows = await this.#db.retryableRows<Row>(BLOCKED, [user, page.limit, page.offset])
    const items = rows.flatMap(([, address, since]) => (address === null ? [] : [{ address, since }]))
    return { items, total: rows[0]?.[0] ?? 0 }
  }

  /** Whom this user blocks, and who blocks them, latest first; at most `limit` each, and 10,000. */
  async status(user: Address, limit: number): Promise<{ blocked: Address[]; blockedBy: Address[] }> {
    type Row = [blocked: string | null, blockedBy: string | null]
    const [row] = await this.#db.retryableRows<Row>(STATUS, [user, limit])
    return { blocked: splitAddresses(row?.[0]), blockedBy: splitAddresses(row?.[1]) }
  }
}
