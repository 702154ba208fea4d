import { migration } from '../db/migrator.ts'

/**
 * How far the data of an earlier service has been taken over: one row for each database that it came from. Empty where
 * nothing ever was.
 */
export const imports = migration([
  `create table import_progress (
    source text collate "C" primary key,
    since bigint,
    started_at bigint not null,
    lo text collate "C" not null,
    hi text collate "C" not null,
    is_done boolean not null
  )`,
  `comment on column import_progress.since is 'what the present pass takes over: pairs that changed since; null for all'`,
  `comment on column import_progress.started_at is 'unix milliseconds by the clock of the source'`,
  `comment on column import_progress.lo is 'the last pair that the present pass has taken over'`
])
