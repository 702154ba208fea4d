import { type Channel, SilentChannel } from '../cluster/channel.ts'
import { type Directory, NO_DIRECTORY } from '../cluster/directory.ts'
import { RedisChannel } from '../cluster/redis-channel.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import type { Config } from '../config/config.ts'
import type { HealthCheck } from '../http/health.ts'
import { deliveryMetrics, observeRedis } from '../observability/cluster-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Database } from '../storage/db/database.ts'
import { EventLog } from '../storage/event-log.ts'
import { BROUGHT_BY, EventFeed } from '../updates/event-feed.ts'
import type { Cleanups } from './cleanups.ts'

/** How often the log is swept for what no message brought, in milliseconds. */
const SWEEP_MS = 1000
/** The same where there can be no other instance: only what its own commits were not sure of is found so. */
const ALONE_SWEEP_MS = 10_000

interface BusDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly db: Database
}

interface BusParts {
  readonly bus: EventFeed
  readonly log: EventLog
  readonly channel: Channel
  readonly directory: Directory
  readonly checks: Readonly<Record<string, HealthCheck>>
}

/** Events come with their commit; from other instances over Redis, where there is one, and in any case from the log. */
export async function createBus(deps: BusDeps, cleanups: Cleanups): Promise<BusParts> {
  const { logger, metrics, db } = deps
  const { channel, directory, checks } = createChannel(deps)
  cleanups.add('channel', channel, it => it.close())
  cleanups.add('directory', directory, it => it.close())
  const log = new EventLog(db)
  const onError = (error: unknown): void => logger.error({ err: error }, 'An event could not be delivered')
  const sweepMs = db.kind === 'embedded' ? ALONE_SWEEP_MS : SWEEP_MS
  const { brought } = deliveryMetrics(metrics.registry, BROUGHT_BY)
  const options = { log, channel, sweepMs, onBrought: brought, onError }
  const bus = cleanups.add('bus', await EventFeed.open(options), it => it.close())
  return { bus, log, channel, directory, checks }
}

function createChannel({
  instance,
  config,
  logger,
  metrics
}: BusDeps): Pick<BusParts, 'channel' | 'directory' | 'checks'> {
  const { redisUrl, serverName } = config
  if (redisUrl === null) return { channel: new SilentChannel(), directory: NO_DIRECTORY, checks: {} }
  const options = { url: redisUrl, topic: `social-service:${serverName}`, instance, logger }
  const channel = new RedisChannel(options)
  observeRedis(metrics.registry, { isConnected: () => channel.isConnected, users: () => channel.users })
  // Once it was there, an instance serves without it: then it only hears of others a little later.
  const redis = async (): Promise<void> => {
    if (!channel.wasConnected) throw new Error('Redis was never reached')
  }
  return { channel, directory: new RedisDirectory(options), checks: { redis } }
}
