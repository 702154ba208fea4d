import type { Migrations } from '../db/migrator.ts'
import { initial } from './0001-initial.ts'
import { notificationTables } from './0002-notifications.ts'
import { apiKeys } from './0003-api-keys.ts'
import { mutes } from './0004-mutes.ts'
import { logPartitions } from './0005-log-partitions.ts'
import { imports } from './0006-imports.ts'
import { pairVacuum } from './0007-pair-vacuum.ts'

/**
 * Every migration, run in the order of the names. A migration is for ever: what is in a release is never edited, renamed
 * or removed, since databases that have run it exist. A change of the schema is a new migration, and one that the
 * instances of the release before can live with, as both run side by side during an upgrade.
 */
export const MIGRATIONS: Migrations = {
  '0001-initial': initial,
  '0002-notifications': notificationTables,
  '0003-api-keys': apiKeys,
  '0004-mutes': mutes,
  '0005-log-partitions': logPartitions,
  '0006-imports': imports,
  '0007-pair-vacuum': pairVacuum
}
