import type { Redis } from 'ioredis'
import type { Logger } from '../observability/logger.ts'
import { connectRedis, isRefusal, nodeUrls } from './redis.ts'

/** What Redis is: one server, or a cluster of several. */
type RedisKind = 'server' | 'cluster'

/** The question what Redis is, which is asked until a server answers it. */
export class RedisQuestion {
  /** Settles never when it is stopped before. */
  readonly kind: Promise<RedisKind>
  readonly #connections: readonly Redis[]

  /** @param onFailure called with why there is no answer yet, each time */
  constructor(url: string, logger: Logger, onFailure: (error: unknown) => void = () => undefined) {
    const urls = nodeUrls(url)
    this.#connections = urls.map(each => connectRedis(each, logger))
    this.kind = new Promise(resolve => {
      for (const redis of this.#connections) {
        redis.on('error', onFailure)
        redis.on('ready', async () => {
          try {
            const kind = await kindOf(redis)
            if (kind === 'server' && urls.length > 1) throw new Error('These servers are no cluster')
            this.stop()
            resolve(kind)
          } catch (error) {
            onFailure(error)
          }
        })
      }
    })
  }

  stop(): void {
    for (const redis of this.#connections) redis.disconnect()
  }
}

/** @throws when there is no answer */
export async function kindOf(redis: Redis): Promise<RedisKind> {
  // Who may not ask it is taken to have one server: of a cluster the first command would say where to go instead.
  const text = await redis.info('cluster').catch(error => {
    if (isRefusal(error)) return ''
    throw error
  })
  return /^cluster_enabled:1/m.test(text) ? 'cluster' : 'server'
}
