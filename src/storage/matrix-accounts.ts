import type { Address } from '../domain/address.ts'
import type { Database } from './db/database.ts'

const HAS = { name: 'matrix-account-has', text: 'select 1 from matrix_account where address = $1' }
const ADD = {
  name: 'matrix-account-add',
  text: 'insert into matrix_account (address) values ($1) on conflict do nothing'
}
const REMOVE = { name: 'matrix-account-remove', text: 'delete from matrix_account where address = $1' }

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
