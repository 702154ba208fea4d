import type { Address } from '../domain/address.ts'
import { DATABASE_CLOCK } from './db/clock.ts'
import type { Database } from './db/database.ts'

const TAKE = {
  name: 'user-hold-take',
  text: `insert into matrix_account_data_lease as present (address, leased_until) values ($1, ${DATABASE_CLOCK} + $2::bigint)
    on conflict (address) do update set leased_until = excluded.leased_until where present.leased_until <= ${DATABASE_CLOCK}
    returning leased_until`
}
const END = {
  name: 'user-hold-end',
  text: 'delete from matrix_account_data_lease where address = $1 and leased_until = $2'
}

/** Lets one at a time, of all instances, change what belongs to a user on the homeserver. */
export class UserHolds {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /**
   * Takes a user for `ms` milliseconds at most.
   * @returns what ends the hold, or null when somebody else has the user
   */
  async take(user: Address, ms: number): Promise<number | null> {
    const [row] = await this.#db.rows<[number]>(TAKE, [user, ms])
    return row?.[0] ?? null
  }

  async end(user: Address, hold: number): Promise<void> {
    await this.#db.rows(END, [user, hold])
  }
}
