import { connect } from '../app/database.ts'
import type { Config } from '../config/config.ts'
import { createLogger } from '../observability/logger.ts'
import { inspectServer, type ServerFacts } from '../storage/db/inspection.ts'
import { databaseReason, POOLED } from './reasons.ts'
import { UserError } from './user-error.ts'

/**
 * Connects to the PostgreSQL server of the configuration, and looks whether the service can work with it.
 * @returns null for the embedded database
 * @throws UserError that says what is wrong, and what to do
 */
export async function checkDatabase(config: Config): Promise<ServerFacts | null> {
  if (config.database.url === null) return null
  const facts = await inspect(config)
  if (facts.isReadOnly) {
    const why = facts.isStandby ? 'is a standby' : 'is read-only (default_transaction_read_only)'
    throw new UserError(`The database ${why}, and takes no writes: DATABASE_URL must name the primary.`)
  }
  if (facts.sharesSessions) throw new UserError(POOLED)
  return facts
}

async function inspect(config: Config): Promise<ServerFacts> {
  try {
    // What is wrong is said once, in words of its own.
    const db = await connect(config, createLogger({ ...config.log, level: 'silent' }))
    try {
      return await inspectServer(db)
    } finally {
      await db.close()
    }
  } catch (error) {
    throw new UserError(databaseReason(error))
  }
}
