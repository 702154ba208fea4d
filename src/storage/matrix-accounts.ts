import type { Address } from '../domain/address.ts'
import type { Database } from './db/database.ts'
import { DATABASE_CLOCK } from './schema.ts'

const HAS = { name: 'matrix-account-has', text: 'select 1 from matrix_account where address = $1' }
const ADD = {
  name: 'matrix-account-add',
  text: 'insert into matrix_account (address) values ($1) on conflict do nothing'
}
const REMOVE = { name: 'matrix-account-remove', text: 'delete from matrix_account where address = $1' }
const ACQUIRE = {
  name: 'account-data-acquire',
  text: `insert into matrix_account_data_lease as present (address, leased_until)
    values ($1, ${DATABASE_CLOCK} + $2::bigint)
    on conflict (address) do update set leased_until = excluded.leased_until
      where present.leased_until <= ${DATABASE_CLOCK}
    returning leased_until`
}
const RELEASE = {
  name: 'account-data-release',
  text: 'delete from matrix_account_data_lease where address = $1 and leased_until = $2'
}

/** Who has an account on the homeserver with everything that belongs to it, as far as this service has seen to it. */
export class MatrixAccountStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async has(user: Address): Promise<boolean> {
    return (await this.#db.retryableRows(HAS, [user])).length > 0
  }

  async add(user: Address): Promise<void> {
    await this.#db.retryableRows(ADD, [user])
  }

  async remove(user: Address): Promise<void> {
    await this.#db.retryableRows(REMOVE, [user])
  }
}

/** Leases of what a user has on the homeserver as account data: of all instances, one at a time changes it. */
export class AccountDataLeases {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /**
   * @param ms after so many milliseconds others may have it, also when it was not released
   * @returns the lease, or null while another one is on
   */
  async acquire(user: Address, ms: number): Promise<number | null> {
    const [row] = await this.#db.rows<[number]>(ACQUIRE, [user, ms])
    return row?.[0] ?? null
  }

  async release(user: Address, lease: number): Promise<void> {
    await this.#db.rows(RELEASE, [user, lease])
  }
}
