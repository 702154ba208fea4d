import type { Config } from '../config/config.ts'
import { observeDatabase } from '../observability/database-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Database } from '../storage/db/database.ts'

interface DatabaseDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
}

/** The database of the configuration. */
export function connect({ database, dataDir }: Config, logger: Logger): Promise<Database> {
  const { url, ...limits } = database
  return Database.open({ ...limits, ...(url === null ? { dataDir } : { url }) }, logger)
}

/** As {@link connect}; its connections are counted. */
export async function openDatabase({ config, logger, metrics }: DatabaseDeps): Promise<Database> {
  const db = await connect(config, logger)
  observeDatabase(metrics.registry, () => db.connections)
  return db
}
