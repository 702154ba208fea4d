import type { Config } from '../config/config.ts'
import { listMetrics, observeDatabase, observeReplicas } from '../observability/database-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Database } from '../storage/db/database.ts'
import { LIST_SOURCES, Replicas } from '../storage/db/replicas.ts'
import type { Cleanups } from './cleanups.ts'

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

/** The read replicas of the configuration, of which there may be none. */
export async function openReplicas(deps: DatabaseDeps & { readonly db: Database }, cleanups: Cleanups) {
  const { config, logger, metrics, db } = deps
  const { registry } = metrics
  const { url: primary, ...limits } = config.database
  // That the database is away is said by those who need it.
  const quiet = { ...logger, info: logger.debug, warn: logger.debug }
  const observer =
    primary === null || config.replicas.replicaUrl === null
      ? db
      : await Database.open({ ...limits, url: primary, poolSize: 1 }, quiet)
  if (observer !== db) cleanups.add('database observer', observer, it => it.close())
  const onRead = listMetrics(registry, LIST_SOURCES).read
  const options = { ...limits, ...config.replicas }
  const replicas = cleanups.add('replicas', new Replicas({ db, observer, logger, onRead }, options), it => it.close())
  observeReplicas(registry, () => replicas)
  return replicas
}
