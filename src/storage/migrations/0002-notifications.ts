import { migration } from '../db/migrator.ts'

/**
 * What users decided about themselves, change by change. It is written by a trigger, so that a change and its event are
 * one statement also where an instance of the release before writes it; and `old` is what the change found, whoever was
 * faster. The numbers are those of `pair_event_seq`: one order, and one position in it, for all that others are told.
 *
 * Without a row there is what holds for a user who never decided: the literal numbers, which are those of that time.
 */
const SETTINGS_LOG = [
  `create table settings_event (
    seq bigint primary key,
    address text collate "C" not null,
    changed text[] not null,
    friends_exposure smallint not null,
    friends_count_exposure smallint not null,
    private_messages smallint not null,
    blocked_messages smallint not null,
    situation_reactions smallint not null,
    changed_at bigint not null
  )`,
  `comment on column settings_event.changed is 'the columns that have another value since'`,
  `create function log_settings() returns trigger language plpgsql as $$
    declare
      before user_settings;
      changed text[];
    begin
      if tg_op = 'UPDATE' then before := old;
      else
        before.friends_exposure := 3;
        before.friends_count_exposure := 3;
        before.private_messages := 0;
        before.blocked_messages := 0;
        before.situation_reactions := 0;
      end if;
      changed := array_remove(array[
        case when new.friends_exposure <> before.friends_exposure then 'friends_exposure' end,
        case when new.friends_count_exposure <> before.friends_count_exposure then 'friends_count_exposure' end,
        case when new.private_messages <> before.private_messages then 'private_messages' end,
        case when new.blocked_messages <> before.blocked_messages then 'blocked_messages' end,
        case when new.situation_reactions <> before.situation_reactions then 'situation_reactions' end
      ], null);
      if cardinality(changed) > 0 then
        insert into settings_event (seq, address, changed, friends_exposure, friends_count_exposure, private_messages,
          blocked_messages, situation_reactions, changed_at)
        values (nextval('pair_event_seq'), new.address, changed, new.friends_exposure, new.friends_count_exposure,
          new.private_messages, new.blocked_messages, new.situation_reactions,
          (extract(epoch from clock_timestamp()) * 1000)::bigint);
      end if;
      return null;
    end $$`,
  `create trigger log_settings after insert or update on user_settings
    for each row execute function log_settings()`
]

/** What it takes to tell other systems what happens. Empty where none is configured. */
const OUTBOX = [
  // How far each of them has read the logs, from the first time that it is configured; as matrix_log_position.
  `create table notification_position (sink text collate "C" primary key, seq bigint not null)`,
  `create table notification_gap (
    sink text collate "C" not null,
    seq bigint not null,
    bound xid8 not null,
    primary key (sink, seq)
  )`,
  // One row for each event that a sink is still to be told, as matrix_outbox. One of a user's settings has that user twice.
  `create table notification_outbox (
    sink text collate "C" not null,
    lo text collate "C" not null,
    hi text collate "C" not null,
    seq bigint not null,
    available_at bigint not null default 0,
    attempts integer not null default 0,
    parked boolean not null default false,
    last_error text,
    primary key (sink, lo, hi, seq)
  )`,
  `comment on column notification_outbox.available_at is
    'unix milliseconds by the clock of the database: the end of its lease, or when it may be tried again'`,
  `create index notification_outbox_available on notification_outbox (sink, available_at, seq) where not parked`
]

/** Events for other systems: who decided what about themselves, and how far each system has been told. */
export const notificationTables = migration([...SETTINGS_LOG, ...OUTBOX])
