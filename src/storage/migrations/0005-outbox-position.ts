import { type Kysely, type Migration, sql } from 'kysely'

/**
 * The outbox takes what it holds from the log. It starts when a homeserver is first attached after this migration: there
 * is no position before, and until then the instances of the release before fill the outbox themselves, as they did.
 */
const statements = [
  `create table matrix_log_position (
    one boolean primary key default true check (one),
    seq bigint not null
  )`,
  `comment on table matrix_log_position is 'how far the outbox has taken the log, once a homeserver was attached'`,

  // Numbers are taken before commit: one below the position may still come, until all transactions below \`bound\` ended.
  `create table matrix_log_gap (seq bigint primary key, bound xid8 not null)`,

  // An instance of the release before may still run while others are upgraded. It says nothing of \`held_until\`, and what
  // it inserts after the position is in the log too: it would be taken a second time, maybe after it was finished.
  `alter table matrix_outbox alter held_until drop default`,
  `create function matrix_outbox_inserted() returns trigger language plpgsql as $$
    begin
      if exists (select from matrix_log_position) then return null; end if;
      new.held_until := 0;
      return new;
    end $$`,
  `create trigger matrix_outbox_inserted before insert on matrix_outbox for each row
    when (new.held_until is null) execute function matrix_outbox_inserted()`
]

/** What the outbox needs to be filled from the log. */
export const outboxPosition: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
