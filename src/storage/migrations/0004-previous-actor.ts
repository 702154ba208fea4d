import { type Kysely, type Migration, sql } from 'kysely'

const statements = [
  // A block withdraws a request: who had asked decides whether it was canceled or rejected.
  `alter table pair_event add column previous_actor_is_lo boolean`,
  `comment on column pair_event.previous_actor_is_lo is 'null when nothing had happened, or it was not noted'`
]

/** Who had brought a pair into the state that an event ended. */
export const previousActor: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
