import { migration } from '../db/migrator.ts'

/**
 * The log in partitions of its numbers, so that what nobody needs any more goes as a whole. What there is of it stays
 * where it is and becomes the default partition, which holds any number: nothing is read or written for that, and the
 * service makes it a partition with bounds, and those that follow, while it runs (`storage/log-partitions.ts`).
 *
 * Instances of the release before go on beside it: their statements name `pair_event`, which has the same columns. All
 * that writes waits for this lock, and everything else behind it: so it waits a moment only, and is tried again.
 */
const PARTITIONS = [
  `set local lock_timeout = '500ms'`,
  `lock table pair_event in access exclusive mode`,
  `alter table pair_event rename to pair_event_default`,
  `alter index pair_event_pkey rename to pair_event_default_pkey`,
  `alter index pair_event_target rename to pair_event_default_target`,
  `create table pair_event (like pair_event_default including comments) partition by range (seq)`,
  `alter table pair_event add primary key (seq)`,
  `create index pair_event_target on pair_event ((case when actor_is_lo then hi else lo end), seq)`,
  `alter table pair_event attach partition pair_event_default default`
]

const RETENTION = [
  `create table log_horizon (one boolean primary key default true check (one), seq bigint not null)`,
  `comment on column log_horizon.seq is 'events up to this number were dropped; 0 when none was'`,
  `insert into log_horizon (seq) values (0)`,
  // One that no instance has any more does not keep the log for ever.
  ...['matrix_log_position', 'notification_position'].flatMap(table => [
    `alter table ${table} add column used_at bigint not null
      default (extract(epoch from clock_timestamp()) * 1000)::bigint`,
    `comment on column ${table}.used_at is 'unix milliseconds: when an instance last had it configured, to the hour'`
  ]),
  `alter table instance add column low_watermark bigint`,
  `comment on column instance.low_watermark is 'all events up to this number were read there; null of the release before'`,
  `set local lock_timeout to default`
]

/** What it takes for the log not to grow for ever. */
export const logPartitions = migration([...PARTITIONS, ...RETENTION])
