import { migration } from '../db/migrator.ts'

/** Whom users do not want to hear, in the order of whom they mute: all that is asked for. */
export const mutes = migration([
  `create table user_mute (
    muter text collate "C" not null,
    muted text collate "C" not null,
    muted_at bigint not null,
    primary key (muter, muted)
  )`,
  `comment on column user_mute.muted_at is 'unix milliseconds'`
])
