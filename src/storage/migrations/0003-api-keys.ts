import { migration } from '../db/migrator.ts'

/** What other services show to be let in. Of a key there is its SHA-256 alone. */
export const apiKeys = migration([
  `create table api_key (
    id text collate "C" primary key,
    key_hash bytea not null,
    name text not null,
    scopes text[] not null,
    created_at bigint not null,
    last_used_at bigint
  )`,
  `comment on column api_key.last_used_at is 'unix milliseconds; written once a minute at most'`
])
