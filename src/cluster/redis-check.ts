import { Redis } from 'ioredis'
import { CONNECT_MS, NO_WAITING, nodeUrl, nodeUrls } from './redis.ts'
import { kindOf } from './redis-kind.ts'
import { SlotMap } from './slot-map.ts'

/**
 * Does once what the service does with Redis: logs in, counts, publishes and subscribes; on a cluster on each master.
 * @returns how many masters there are; 1 for a server that is no cluster
 * @throws Error, see `redisReason`
 */
export async function tryRedis(url: string, topic: string): Promise<number> {
  const [first = ''] = nodeUrls(url)
  const slots = await connected(first, async redis => {
    if ((await kindOf(redis)) === 'cluster')
      return SlotMap.parse(await redis.cluster('SLOTS'), redis.options.host ?? '')
    if (nodeUrls(url).length > 1) throw new Error('These servers are no cluster')
    await count(redis, topic)
    await redis.publish(topic, '{}')
    await redis.subscribe(topic, `${topic}:user:check`)
    return null
  })
  if (!slots) return 1
  if (!slots.isComplete) throw new Error('CLUSTERDOWN')
  for (const master of slots.masters) {
    await connected(nodeUrl(url, master), async redis => {
      if (slots.masterOf(keyOf(topic)) === master) await count(redis, topic)
      await redis.publish(topic, '{}')
      const isIts = slots.masterOf(`${topic}:user:check`) === master
      if (isIts) await redis.spublish(`${topic}:user:check`, '{}')
      await redis.subscribe(topic)
      if (isIts) await redis.ssubscribe(`${topic}:user:check`)
    })
  }
  return slots.masters.length
}

const keyOf = (topic: string): string => `${topic}:limit:check`

async function count(redis: Redis, topic: string): Promise<void> {
  await redis.eval('return redis.call("pttl", KEYS[1])', 1, keyOf(topic))
}

async function connected<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const options = { ...NO_WAITING, commandTimeout: CONNECT_MS, lazyConnect: true, retryStrategy: () => null }
  const redis = new Redis(url, options)
  let failure: unknown = null
  redis.on('error', error => {
    failure ??= error
  })
  try {
    await redis.connect()
    return await work(redis)
  } catch (error) {
    // What comes of it says less: that the connection is closed.
    throw failure ?? error
  } finally {
    redis.disconnect()
  }
}
