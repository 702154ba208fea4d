import { Redis } from 'ioredis'
import type { Logger } from '../observability/logger.ts'

/** Longest wait before a connection is tried again, in milliseconds. */
const MAX_RETRY_MS = 1000
/** Longest wait for an answer, in milliseconds: nothing that a client waits for may wait longer for Redis. */
const COMMAND_MS = 250

/** A connection that comes back by itself, and on which nothing ever waits: what cannot be sent now fails now. */
export function connectRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    connectTimeout: 2000,
    commandTimeout: COMMAND_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    keepAlive: 10_000,
    retryStrategy: attempt => Math.min(attempt * 50, MAX_RETRY_MS)
  })
  // Every command fails by itself; without a listener the process would end.
  redis.on('error', error => logger.debug({ err: error }, 'A Redis connection failed'))
  return redis
}
