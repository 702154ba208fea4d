import { type Kysely, type Migration, sql } from 'kysely'

const statements = [
  // One row for each event of a pair that the homeserver has to follow; gone when it did. A pair's rows are worked off
  // in the order of their numbers, by one worker at a time: what holds and parks a pair is on its first row.
  `create table matrix_outbox (
    lo text collate "C" not null,
    hi text collate "C" not null,
    seq bigint not null,
    held_until bigint not null default 0,
    attempts integer not null default 0,
    parked boolean not null default false,
    last_error text,
    primary key (lo, hi, seq)
  )`,
  `comment on column matrix_outbox.held_until is 'unix milliseconds by the clock of the database'`,
  `create index matrix_outbox_due on matrix_outbox (held_until, seq) where not parked`,

  // Whose account data one worker is about to change: the homeserver itself only knows to overwrite it.
  `create table matrix_user_hold (
    address text collate "C" primary key,
    held_until bigint not null
  )`,

  // The homeserver's own token of a session of ours, encrypted; made when it is first needed.
  `create table matrix_session (
    token_hash bytea primary key references session on delete cascade,
    access_token bytea not null
  )`
]

/** What bringing friendships to a Matrix homeserver needs. */
export const matrix: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
