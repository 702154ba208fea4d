import { migration } from '../db/migrator.ts'

/**
 * The pair is the unit of truth: one row per two users, `lo < hi`, holding all that a decision needs. Its `version`
 * is the sequence number of its last event, so that compare-and-swap and the order of the log are one number.
 *
 * Messages are bytes because a message may hold what PostgreSQL text cannot (U+0000) and is stored as it came.
 * Addresses compare byte by byte (`collate "C"`), as they do in the service. Actions and states are the numbers of
 * `storage/schema.ts`.
 */
const PAIRS = [
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

  // How many friends and unanswered requests a user has: what the limits are checked against, under a row lock.
  `create table user_count (
    address text collate "C" primary key,
    friends integer not null,
    outgoing integer not null,
    incoming integer not null
  ) with (fillfactor = 50)`,
  `create function over_limit(what text) returns integer language plpgsql volatile as $$
    begin raise exception using errcode = '53400', message = what; end $$`
]

/**
 * The event log. Its numbers are taken before commit, so the highest visible one says nothing about those below it: a
 * reader has to remember which it has not seen yet.
 *
 * A block withdraws a request: who had asked (`previous_actor_is_lo`) decides whether it was canceled or rejected.
 */
const EVENTS = [
  `create table pair_event (
    seq bigint primary key,
    lo text collate "C" not null,
    hi text collate "C" not null,
    action smallint not null,
    actor_is_lo boolean not null,
    previous smallint not null,
    previous_actor_is_lo boolean,
    acted_at bigint not null,
    message bytea
  )`,
  `comment on column pair_event.previous is 'the state that the event ended'`,
  `comment on column pair_event.previous_actor_is_lo is 'who had brought that state about; null when nothing had happened'`,
  `create index pair_event_target on pair_event ((case when actor_is_lo then hi else lo end), seq)`
]

const USERS = [
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
  // Proofs of identity that were used, until they are too old to be used again.
  `create table used_login (id bytea primary key, expires_at bigint not null)`,
  `create index used_login_expiry on used_login (expires_at)`
]

/** What a device that lost its connection needs to resume its stream of updates where it was. */
const STREAMS = [
  `create table instance (id uuid primary key, alive_at bigint not null)`,
  `comment on column instance.alive_at is 'unix milliseconds'`,

  // How far a device has acknowledged its updates: everything up to `floor`, and the numbers above it that `acked`
  // lists, joined by commas. `owner` is the stream that may write the row: the last one that the device opened.
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

/** What it takes to keep a Matrix homeserver in step with the log. Empty where there is no homeserver. */
const MATRIX = [
  // How far the outbox has read the log: one row, from the first time that a homeserver is attached.
  `create table matrix_log_position (
    one boolean primary key default true check (one),
    seq bigint not null
  )`,
  // Numbers are taken before commit: one below the position may still come, until all transactions below `bound` ended.
  `create table matrix_log_gap (seq bigint primary key, bound xid8 not null)`,

  // One row for each event of a pair that the homeserver has to follow; gone when it did. A pair's rows are worked off
  // in the order of their numbers, by one worker at a time: what delays and parks a pair is on its first row.
  `create table matrix_outbox (
    lo text collate "C" not null,
    hi text collate "C" not null,
    seq bigint not null,
    available_at bigint not null default 0,
    attempts integer not null default 0,
    parked boolean not null default false,
    last_error text,
    primary key (lo, hi, seq)
  )`,
  `comment on column matrix_outbox.available_at is
    'unix milliseconds by the clock of the database: the end of its lease, or when it may be tried again'`,
  `create index matrix_outbox_available on matrix_outbox (available_at, seq) where not parked`,

  // Whose account data one worker is about to change: the homeserver itself only knows to overwrite it.
  `create table matrix_account_data_lease (
    address text collate "C" primary key,
    leased_until bigint not null
  )`,
  // Who has an account on the homeserver and is in its directory, so that not every instance that starts looks anew. A
  // name that is set again, even the same, makes the homeserver go through all rooms of the user.
  `create table matrix_account (address text collate "C" primary key)`,
  // The homeserver's own token of a session of ours, encrypted; made when it is first needed.
  `create table matrix_session (
    token_hash bytea primary key references session on delete cascade,
    access_token bytea not null
  )`
]

/** The whole schema, as the first release has it. */
export const initial = migration([...PAIRS, ...EVENTS, ...USERS, ...STREAMS, ...MATRIX])
