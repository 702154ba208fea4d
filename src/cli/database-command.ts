import { connect } from '../app/database.ts'
import { loadConfig } from '../config/config.ts'
import { createLogger } from '../observability/logger.ts'
import type { Database } from '../storage/db/database.ts'
import { reportUserError } from './user-error.ts'

/**
 * Does work of a command on the database of the configuration.
 * @returns the exit code: 0, or 1 when the database cannot be used, or the work fails for a reason that it says
 */
export async function withDatabase(work: (db: Database) => Promise<void>): Promise<number> {
  const code = await reportUserError(async () => {
    const config = loadConfig()
    // What is printed is for people; the log is not.
    const db = await connect(config, createLogger({ ...config.log, level: 'error' }))
    try {
      await work(db)
    } finally {
      await db.close()
    }
    return 0
  })
  return code ?? 1
}
