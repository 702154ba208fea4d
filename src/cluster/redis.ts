import { Redis, type RedisOptions } from 'ioredis'
import { urlOfEachHost } from '../lib/host-urls.ts'
import type { Logger } from '../observability/logger.ts'

/** Longest wait before a connection is tried again, in milliseconds. */
const MAX_RETRY_MS = 1000
/** Longest wait for an answer, in milliseconds: nothing that a client waits for may wait longer for Redis. */
export const COMMAND_MS = 250
export const CONNECT_MS = 2000
const DEFAULT_PORT = 6379

/** What is sent while there is no connection fails. */
export const NO_WAITING = {
  connectTimeout: CONNECT_MS,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false
} satisfies RedisOptions

/**
 * A connection that comes back by itself, and on which nothing ever waits: what cannot be sent now fails now.
 * @param commandMs longest wait for an answer; null where nobody waits, and whether there are any is looked at otherwise
 */
export function connectRedis(url: string, logger: Logger, commandMs: number | null = COMMAND_MS): Redis {
  const redis = new Redis(url, {
    ...NO_WAITING,
    ...(commandMs === null ? {} : { commandTimeout: commandMs }),
    // What a crowd counts in one turn of the event loop goes out in one write.
    enableAutoPipelining: true,
    keepAlive: 10_000,
    retryStrategy: attempt => Math.min(attempt * 50, MAX_RETRY_MS)
  })
  // Every command fails by itself; without a listener the process would end.
  redis.on('error', error => {
    logger.debug({ err: error }, 'A Redis connection failed')
  })
  return redis
}

/** The URL of each node that a URL names; a single server is one. */
export const nodeUrls: (url: string) => readonly string[] = urlOfEachHost

/** The URL of another node of the cluster that a URL leads to. */
export function nodeUrl(url: string, { host, port }: { readonly host: string; readonly port: number }): string {
  const node = new URL(nodeUrls(url)[0] ?? '')
  node.hostname = host.includes(':') ? `[${host}]` : host
  node.port = String(port)
  return node.href
}

/** How each node of a cluster is connected to, and those that a URL names. */
export function nodeOptions(url: string) {
  const urls = nodeUrls(url).map(each => new URL(each))
  const [first] = urls
  const nodes = urls.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || DEFAULT_PORT)
  }))
  const common = {
    connectTimeout: CONNECT_MS,
    commandTimeout: COMMAND_MS,
    keepAlive: 10_000,
    ...(first?.username && { username: decodeURIComponent(first.username) }),
    ...(first?.password && { password: decodeURIComponent(first.password) }),
    ...(first?.protocol === 'rediss:' && { tls: {} })
  }
  return { nodes, common }
}

/** Whether an error is what Redis answered; without any answer the connection has failed, which is said elsewhere. */
export function isRefusal(error: unknown): boolean {
  return (error as Error | null)?.name === 'ReplyError'
}

const NO_TLS = /wrong version number|ERR_SSL_WRONG_VERSION|packet length too long|record layer failure/i
const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/WRONGPASS|invalid password/, 'Redis refuses the user or the password: correct REDIS_URL'],
  [/NOAUTH/, 'Redis asks for a password: set it in REDIS_URL'],
  [/NOPERM/, 'Redis does not let this user: allow it all commands, and the keys and channels social-service:*'],
  [/unknown command.*\bs(?:subscribe|publish)\b/i, 'Redis is a cluster older than version 7: update it'],
  [/CLUSTERDOWN/, 'the Redis Cluster is down: some of its slots are served by nobody'],
  [/MOVED/, 'REDIS_URL leads to a cluster, and its user may not ask so: allow it INFO'],
  [/are no cluster/, 'REDIS_URL names several servers that are no cluster: name one, or the nodes of a cluster'],
  [/READONLY/, 'REDIS_URL leads to a replica: it must be the primary'],
  [/CERT|SIGNATURE|ISSUER|certificate/i, 'the certificate of Redis is not trusted: set NODE_EXTRA_CA_CERTS'],
  [NO_TLS, 'Redis does not speak TLS on this port: use redis://, or its other port'],
  [/ENOTFOUND|EAI_/, 'the host of REDIS_URL is unknown'],
  [/Connection is closed|ECONNRESET/, 'Redis closes the connection: does it want TLS (rediss://)'],
  // A Redis without TLS waits for more of what it was greeted with.
  [
    /ETIMEDOUT|timed out/,
    'Redis does not answer in time: is it there, and does it speak TLS if REDIS_URL says rediss://'
  ]
]

/** What keeps Redis from being used, in words, with what to do where that is known. */
export function redisReason(error: unknown): string {
  const { code, message, command } = error as { code?: unknown; message?: unknown; command?: { name?: string } }
  const detail = [code, message].filter(part => typeof part === 'string' && part !== '').join(': ')
  const [, known = 'Redis cannot be reached'] = REASONS.find(([pattern]) => pattern.test(detail)) ?? []
  return `${known} (${command?.name ? `${command.name}: ` : ''}${detail})`
}
