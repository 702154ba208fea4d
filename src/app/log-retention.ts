import type { Config } from '../config/config.ts'
import { observeLog } from '../observability/log-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Database } from '../storage/db/database.ts'
import { LOG_HOLDERS, LogHolders } from '../storage/log-holders.ts'
import { LogPartitions } from '../storage/log-partitions.ts'
import { LogRetention } from '../updates/log-retention.ts'
import type { Cleanups } from './cleanups.ts'

/** How often the partitions of the log are looked at, in milliseconds. */
const LOOK_MS = 60_000

interface LogRetentionDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly db: Database
  /** The names of the systems that are told what happens. */
  readonly sinks: readonly string[]
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Keeps the log from growing for ever, where that is wanted, and its partitions ahead of what comes in any case. */
export function startLogRetention(deps: LogRetentionDeps, cleanups: Cleanups): void {
  const { config, logger, metrics, db, sinks, now } = deps
  const partitions = new LogPartitions(db)
  const holders = new LogHolders(db, config.rpc.resumeWindowMs)
  const outboxes = { homeserver: config.matrix?.mode === 'appservice', sinks }
  const options = { retentionMs: config.logRetentionMs, outboxes, everyMs: LOOK_MS }
  const retention = new LogRetention({ partitions, holders, logger, now }, options)
  cleanups.addEarly('log retention', retention, (it, deadline) => it.stop(deadline.leftMs))
  observeLog(metrics.registry, {
    read: () => retention.state,
    holders: LOG_HOLDERS,
    holder: () => retention.holder
  })
  retention.start()
}
