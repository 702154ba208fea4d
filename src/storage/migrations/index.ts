import type { Migration } from 'kysely'
import { friendships } from './0001-friendships.ts'
import { matrix } from './0002-matrix.ts'
import { positions } from './0003-positions.ts'
import { previousActor } from './0004-previous-actor.ts'
import { outboxPosition } from './0005-outbox-position.ts'
import { matrixAccounts } from './0006-matrix-accounts.ts'

/** Every migration in the order of its name. What has run anywhere is never edited; a change is a new migration. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-friendships': friendships,
  '0002-matrix': matrix,
  '0003-positions': positions,
  '0004-previous-actor': previousActor,
  '0005-outbox-position': outboxPosition,
  '0006-matrix-accounts': matrixAccounts
}
