import type { Config } from '../config.ts'
import type { Logger } from '../observability/logger.ts'
import { type Bus, LocalBus } from '../realtime/bus.ts'
import { type Channel, SilentChannel } from '../realtime/channel.ts'
import { LogBus } from '../realtime/log-bus.ts'
import { RedisChannel } from '../realtime/redis-channel.ts'
import type { HealthCheck } from '../rest/health.ts'
import type { Database } from '../storage/database.ts'
import { EventLog } from '../storage/event-log.ts'
import type { Cleanups } from './cleanups.ts'

/** How often the log is read when nothing wakes this instance, in milliseconds. */
const POLL_MS = 1000

interface BusFoundation {
  readonly config: Config
  readonly logger: Logger
  readonly db: Database
}

interface BusParts {
  readonly bus: Bus
  readonly checks: Readonly<Record<string, HealthCheck>>
}

/**
 * An embedded database has one instance, whose bus is its own process. On PostgreSQL there may be others: events come
 * from the log, and Redis, where there is one, says at once that there are some.
 */
export async function createBus({ config, logger, db }: BusFoundation, cleanups: Cleanups): Promise<BusParts> {
  const onError = (error: unknown): void => logger.error({ err: error }, 'An event could not be told')
  if (db.kind === 'embedded') {
    return { bus: cleanups.add('bus', new LocalBus(onError), it => it.close()), checks: {} }
  }
  const { channel, checks } = createChannel(config, logger)
  cleanups.add('channel', channel, it => it.close())
  const bus = await LogBus.open({ log: new EventLog(db), channel, pollMs: POLL_MS, onError })
  return { bus: cleanups.add('bus', bus, it => it.close()), checks }
}

function createChannel({ redisUrl, serverName }: Config, logger: Logger) {
  if (redisUrl === null) return { channel: new SilentChannel() satisfies Channel, checks: {} }
  const channel = new RedisChannel({ url: redisUrl, topic: `social-service:${serverName}`, logger })
  // Once it was there, an instance serves without it: then it only hears of others a little later.
  const redis = async (): Promise<void> => {
    if (!channel.wasConnected) throw new Error('Redis was never reached')
  }
  return { channel, checks: { redis } }
}
