import { Cluster, type Redis } from 'ioredis'
import type { Logger } from '../observability/logger.ts'
import { COMMAND_MS, connectRedis, nodeOptions } from './redis.ts'
import { RedisQuestion } from './redis-kind.ts'

/** How often it is looked which master has which counters, in milliseconds. */
const LOOK_MS = 2_000
/** How often a counter is looked for where a master says that it is, at most. */
const MAX_REDIRECTIONS = 3

/** Where all instances count together, and keep what they share: one Redis server or a cluster of them, as soon as it is known which. */
export class Counters {
  /** On which nothing waits: what cannot be counted now fails now. */
  readonly client: Promise<Redis | Cluster>
  readonly #question: RedisQuestion
  #client: Redis | Cluster | null = null
  #isClosed = false

  /** @param commandMs longest wait for an answer */
  constructor(url: string, logger: Logger, commandMs = COMMAND_MS) {
    // Why there is no answer is said by the channel, which asks the same.
    this.#question = new RedisQuestion(url, logger)
    this.client = this.#question.kind.then(kind => {
      this.#client = kind === 'cluster' ? connectCluster(url, logger, commandMs) : connectRedis(url, logger, commandMs)
      if (this.#isClosed) this.#client.disconnect()
      return this.#client
    })
  }

  close(): void {
    this.#isClosed = true
    this.#question.stop()
    this.#client?.disconnect()
  }
}

function connectCluster(url: string, logger: Logger, commandTimeout: number): Cluster {
  const { nodes, common } = nodeOptions(url)
  const cluster = new Cluster([...nodes], {
    redisOptions: { ...common, commandTimeout },
    enableOfflineQueue: false,
    maxRedirections: MAX_REDIRECTIONS,
    // No waits: a limit is counted here when a master is away.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
    slotsRefreshInterval: LOOK_MS,
    // Names stay names, for which their certificates are.
    dnsLookup: (name, done) => done(null, name)
  })
  // Or each would be connected to by the first command for it, and refuse all others until it is.
  cluster.on('+node', (node: Redis) => {
    if (!node.options.readOnly) node.connect().catch(() => undefined)
  })
  cluster.on('error', error => logger.debug({ err: error }, 'A Redis connection failed'))
  return cluster
}
