import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { Database } from './db/database.ts'

/** A user whom another one mutes. */
export interface MutedUser {
  readonly address: Address
  /** Since when, unix milliseconds. */
  readonly since: number
}

// Of several at the same time each counts those before it alone: the limit may be passed by as many.
const ADD = {
  name: 'mute-add',
  text: `with before as (select count(*) as n from user_mute where muter = $1), added as (
      insert into user_mute (muter, muted, muted_at) select $1, $2, $3::bigint from before where n < $4::bigint
      on conflict do nothing
    )
    select n < $4::bigint or exists (select from user_mute where muter = $1 and muted = $2) from before`
}
const REMOVE = { name: 'mute-remove', text: 'delete from user_mute where muter = $1 and muted = $2' }
const LIST = {
  name: 'mutes',
  text: `with mine as (
      select muted, muted_at from user_mute
      where muter = $1 and ($4::text[] is null or muted = any($4::text[] collate "C"))
    ), page as (select muted, muted_at from mine order by muted_at desc, muted limit $2 offset $3)
    select n, muted, muted_at from (select count(*) as n from mine) total left join page on true
    order by muted_at desc, muted`
}

/** Who mutes whom. */
export class MuteStore {
  readonly #db: Database
  readonly #maxPerUser: number
  readonly #onLimit: () => void

  /** @param onLimit called for each mute that would have been one too many */
  constructor(db: Database, maxPerUser: number, onLimit: () => void) {
    this.#db = db
    this.#maxPerUser = maxPerUser
    this.#onLimit = onLimit
  }

  /**
   * Mutes a user; one who is muted already stays so since when they are.
   * @param at unix milliseconds
   * @throws SocialError `too_many_requests` when the user mutes as many as they may
   */
  async add(muter: Address, muted: Address, at: number): Promise<void> {
    const [row] = await this.#db.retryableRows<[boolean]>(ADD, [muter, muted, at, this.#maxPerUser])
    if (row?.[0] === true) return
    this.#onLimit()
    throw new SocialError('too_many_requests', 'The limit of muted users is reached')
  }

  async remove(muter: Address, muted: Address): Promise<void> {
    await this.#db.retryableRows(REMOVE, [muter, muted])
  }

  /** Whom a user mutes, latest first. @param among only these; all when null */
  async list(muter: Address, page: Page, among: readonly Address[] | null): Promise<Paged<MutedUser>> {
    type Row = [total: number, address: Address | null, since: number]
    const rows = await this.#db.retryableRows<Row>(LIST, [muter, page.limit, page.offset, among])
    const items = rows.flatMap(([, address, since]) => (address === null ? [] : [{ address, since }]))
    return { items, total: rows[0]?.[0] ?? 0 }
  }
}
