import { type Kysely, type Migration, sql } from 'kysely'

/**
 * The pair is the unit of truth: one row per two users, `lo < hi`, holding all that a decision needs. Its `version`
 * is the sequence number of its last event, so that compare-and-swap and the order of the log are one number.
 *
 * Messages are bytes because a message may hold what PostgreSQL text cannot (U+0000) and is kept as it came.
 * Addresses compare byte by byte (`collate "C"`), as they do in the service.
 */
const statements = [
  `create sequence pair_event_seq`,
  `create table pair (
    lo text collate "C" not null,
    hi text collate "C" not null,
    version bigint not null,
    last_action smallint not null,
    actor_is_lo boolean not null,
    acted_at bigint not null,
    message bytea,
    blocked_by_lo bigint,
    blocked_by_hi bigint,
    primary key (lo, hi),
    check (lo < hi)
  ) with (fillfactor = 80)`,
  `comment on column pair.acted_at is 'unix milliseconds; so are blocked_by_lo and blocked_by_hi: since when'`,

  // Friends of a user: two index-only scans, each already in the order of the friend's address.
  `create index pair_friends_of_lo on pair (lo, hi) where last_action = 2`,
  `create index pair_friends_of_hi on pair (hi, lo) where last_action = 2`,
  // Requests that wait for an answer, newest first, by who asked and by who was asked.
  `create index pair_requests_sent on pair ((case when actor_is_lo then lo else hi end), version desc)
    where last_action = 1`,
  `create index pair_requests_received on pair ((case when actor_is_lo then hi else lo end), version desc)
    where last_action = 1`,
  // Blocks by who blocks and by who is blocked; nearly every pair is in none of these.
  `create index pair_lo_blocks on pair (lo) where blocked_by_lo is not null`,
  `create index pair_hi_blocks on pair (hi) where blocked_by_hi is not null`,
  `create index pair_lo_is_blocked on pair (lo) where blocked_by_hi is not null`,
  `create index pair_hi_is_blocked on pair (hi) where blocked_by_lo is not null`,

  // The log. Its numbers are taken before commit, so the highest visible one says nothing about those below it: the
  // reader has to remember what it has not seen yet.
  `create table pair_event (
    seq bigint primary key,
    lo text collate "C" not null,
    hi text collate "C" not null,
    action smallint not null,
    previous smallint not null,
    actor_is_lo boolean not null,
    acted_at bigint not null,
    message bytea
  )`,
  `create index pair_event_target on pair_event ((case when actor_is_lo then hi else lo end), seq)`,

  // How many friends and unanswered requests a user has: what the limits are checked against, under a row lock.
  `create table user_count (
    address text collate "C" primary key,
    friends integer not null,
    outgoing integer not null
  ) with (fillfactor = 50)`,
  `create function over_limit(what text) returns integer language plpgsql volatile as $$
    begin raise exception using errcode = '53400', message = what; end $$`,

  `create table user_settings (
    address text collate "C" primary key,
    friends_exposure smallint not null,
    friends_count_exposure smallint not null,
    private_messages smallint not null,
    blocked_messages smallint not null,
    situation_reactions smallint not null
  )`,

  `create table session (
    token_hash bytea primary key,
    address text collate "C" not null,
    device_id text not null,
    created_at bigint not null,
    expires_at bigint not null
  )`,
  `create index session_of_user on session (address, created_at)`,
  `create index session_expiry on session (expires_at)`,
  `create table used_login (id bytea primary key, expires_at bigint not null)`,
  `create index used_login_expiry on used_login (expires_at)`
]

export const friendships: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
}
