import { Gauge } from 'prom-client'
import type { Config } from '../config/config.ts'
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
  countConnections(metrics, db)
  return db
}

function countConnections({ registry }: Metrics, db: Database): void {
  new Gauge({
    name: 'social_database_connections',
    help: 'Connections to the database, by whether something runs on them',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { used, idle } = db.connections
      this.set({ state: 'used' }, used)
      this.set({ state: 'idle' }, idle)
    }
  })
  new Gauge({
    name: 'social_database_connections_max',
    help: 'Connections to the database that there may be',
    registers: [registry],
    collect() {
      this.set(db.connections.max)
    }
  })
  new Gauge({
    name: 'social_database_waiting',
    help: 'Callers that wait for a connection to the database',
    registers: [registry],
    collect() {
      this.set(db.connections.waiting)
    }
  })
}
