import { type Kysely, type Migration, sql } from 'kysely'

const statements = [
  `create table instance (id uuid primary key, alive_at bigint not null)`,
  `comment on column instance.alive_at is 'unix milliseconds'`,

  // How far a device has taken its updates: everything up to \`floor\`, and the numbers above it that \`acked\` lists,
  // joined by commas. \`owner\` is the stream that may write the row: the last one that the device opened.
  `create table stream_position (
    device bytea primary key,
    owner uuid not null,
    instance uuid not null,
    floor bigint not null,
    acked text not null,
    lost_at bigint
  )`,
  `comment on column stream_position.lost_at is 'unix milliseconds; null while its stream is open on the instance'`,
  `create index stream_position_lost on stream_position (lost_at) where lost_at is not null`
]

/** What a device that lost its connection needs to go on where it was. */
export const positions: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
