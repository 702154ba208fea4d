import { migration } from '../db/migrator.ts'

/**
 * Lists of friends are read from indexes alone, as long as the pages of the table are known to be visible to all: a change
 * of one pair takes that from the forty that share its page, and only a vacuum gives it back. By default that waits for
 * a fifth of the table to change; but after a fiftieth, lists look up half of their friends in the table, one by one.
 */
export const pairVacuum = migration([
  `alter table pair set (
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_insert_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0.005
  )`
])
