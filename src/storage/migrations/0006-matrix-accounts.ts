import { type Kysely, type Migration, sql } from 'kysely'

const statements = [
  // Who has an account on the homeserver and is in its directory: asked and named once, and not again by every instance
  // that starts. A name that is given again, even the same, makes the homeserver go through all rooms of the user.
  `create table matrix_account (address text collate "C" primary key)`
]

/** What spares the homeserver to be asked again for accounts that it has. */
export const matrixAccounts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
