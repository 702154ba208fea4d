import { databaseUrl, logRetention, matrix, presence, redisUrl, replicaUrl, webhooks } from './combined.ts'
import { EnvFileError, readEnvFile } from './env-file.ts'
import { gatekeeper, sns } from './neighbours.ts'
import { type Env, type Reading, readSettings } from './reading.ts'
import { misspelled } from './spelling.ts'

/** All settings of the service, frozen. Times are in milliseconds, sizes in bytes; what is absent is null. */
export type Config = DeepReadonly<ReturnType<typeof arrange>>

type DeepReadonly<T> = { readonly [K in keyof T]: DeepReadonly<T[K]> }

/** Everything that is wrong with the configuration, a line for each issue. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(issues: readonly string[]) {
    super(['The configuration cannot be used:', ...issues.map(issue => `  ${issue}`)].join('\n'))
  }
}

/**
 * The configuration that the process was started with: its environment, and below it the file.
 * @param file may be missing
 * @throws ConfigError
 */
export function loadConfig(file = '.env'): Config {
  const { ofFile, ofProcess } = readVariables(file)
  return readConfig({ ...ofFile, ...ofProcess })
}

/**
 * What is set, and where: in the file, and in the environment of the process, which wins.
 * @throws ConfigError
 */
export function readVariables(file: string): { readonly ofFile: Env; readonly ofProcess: Env } {
  try {
    return { ofFile: readEnvFile(file), ofProcess: setVariables(process.env) }
  } catch (error) {
    throw error instanceof EnvFileError ? new ConfigError([error.message]) : error
  }
}

/** @throws ConfigError */
export function readConfig(env: Env): Config {
  const reading = readSettings(env)
  const config = arrange(reading)
  reading.issues.push(...misspelled(env))
  if (reading.issues.length > 0) throw new ConfigError(reading.issues)
  return deepFreeze(config)
}

function arrange(reading: Reading) {
  const { values, warnings } = reading
  return {
    environment: values.ENVIRONMENT,
    serverName: values.SERVER_NAME,
    /** Null when it is not known before the server listens. */
    publicHttpUrl: values.PUBLIC_HTTP_URL ?? localUrl('http', values.HTTP_PORT),
    /** Null when it is not known before the server listens. */
    publicRpcUrl: values.PUBLIC_RPC_URL ?? localUrl('ws', values.RPC_PORT),
    host: values.HOST,
    httpPort: values.HTTP_PORT,
    rpcPort: values.RPC_PORT,
    /** Whether HTTP and RPC are served on the same port. */
    isOnePort: values.HTTP_PORT !== 0 && values.HTTP_PORT === values.RPC_PORT,
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    dataDir: values.DATA_DIR,
    shutdownGraceMs: values.SHUTDOWN_GRACE,
    database: {
      /** Null for the embedded database in `dataDir`. */
      url: databaseUrl(reading),
      poolSize: values.DATABASE_POOL_SIZE,
      connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT,
      statementTimeoutMs: values.DATABASE_STATEMENT_TIMEOUT
    },
    replicas: {
      /** Of one host or more; null where all is read from the primary. */
      replicaUrl: replicaUrl(reading),
      /** How old lists may be. */
      maxLagMs: values.DATABASE_REPLICA_MAX_LAG
    },
    /** For how long events are kept; null for ever. */
    logRetentionMs: logRetention(reading),
    redisUrl: redisUrl(reading),
    presence: presence(reading),
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    metricsToken: values.METRICS_TOKEN,
    ethereum: values.ETHEREUM_RPC_URL ? { rpcUrl: values.ETHEREUM_RPC_URL, timeoutMs: values.ETHEREUM_TIMEOUT } : null,
    catalyst: values.CATALYST_URL ? { url: values.CATALYST_URL, timeoutMs: values.CATALYST_TIMEOUT } : null,
    /** Who is told what happens. */
    webhooks: { receivers: webhooks(reading), timeoutMs: values.WEBHOOK_TIMEOUT },
    sns: sns(reading),
    gatekeeper: gatekeeper(reading),
    tokens: {
      lifetimeMs: values.TOKEN_LIFETIME,
      maxPerUser: values.MAX_SESSIONS_PER_USER,
      cacheSize: values.TOKEN_CACHE_SIZE
    },
    limits: {
      maxFriends: values.MAX_FRIENDS,
      maxPendingRequests: values.MAX_PENDING_REQUESTS,
      maxIncomingRequests: values.MAX_INCOMING_REQUESTS,
      incomingRequestsPerMinute: values.INCOMING_REQUESTS_PER_MINUTE,
      /** In characters. */
      maxMessageLength: values.MAX_MESSAGE_LENGTH,
      maxListPage: values.LIST_PAGE_LIMIT,
      maxAnswerBytes: values.MAX_ANSWER_SIZE,
      actionsPerMinute: values.ACTIONS_PER_MINUTE,
      pairActionsPerMinute: values.PAIR_ACTIONS_PER_MINUTE,
      blocksPerMinute: values.BLOCKS_PER_MINUTE,
      settingsPerMinute: values.SETTINGS_PER_MINUTE,
      maxMutes: values.MAX_MUTES,
      mutesPerMinute: values.MUTES_PER_MINUTE,
      loginsPerMinute: values.LOGINS_PER_MINUTE,
      contractWalletsPerMinute: values.CONTRACT_WALLETS_PER_MINUTE
    },
    /** Other services that ask about users. */
    services: {
      keyless: values.SERVICES_WITHOUT_KEY ?? [],
      requestsPerSecond: values.REQUESTS_PER_SECOND_PER_KEY
    },
    /** What an address may take, on both ports. */
    admission: {
      ipv6Prefix: values.IPV6_PREFIX,
      failedLoginsPerMinute: values.FAILED_LOGINS_PER_MINUTE,
      framesPerSecond: values.FRAMES_PER_SECOND_PER_IP,
      bytesPerSecond: values.BYTES_PER_SECOND_PER_IP,
      answerBytes: { total: values.ANSWER_BYTES, perKey: values.ANSWER_BYTES_PER_IP }
    },
    http: {
      bodyLimitBytes: values.HTTP_BODY_LIMIT,
      requestTimeoutMs: values.HTTP_REQUEST_TIMEOUT,
      answerTimeoutMs: values.HTTP_ANSWER_TIMEOUT,
      maxRequests: values.MAX_REQUESTS_PER_CONNECTION,
      maxRequestsPerUser: values.MAX_REQUESTS_PER_USER,
      corsOrigins: values.CORS_ORIGINS,
      maxConnections: values.MAX_HTTP_CONNECTIONS,
      maxConnectionsPerIp: values.MAX_HTTP_CONNECTIONS_PER_IP
    },
    rpc: {
      friendsPageSize: values.FRIENDS_STREAM_PAGE_SIZE,
      maxConnections: values.MAX_CONNECTIONS,
      maxConnectionsPerIp: values.MAX_CONNECTIONS_PER_IP,
      maxConnectionsPerUser: values.MAX_CONNECTIONS_PER_USER,
      callsPerSecond: values.CALLS_PER_SECOND,
      maxPorts: values.MAX_PORTS_PER_CONNECTION,
      maxStreams: values.MAX_STREAMS_PER_CONNECTION,
      maxCalls: values.MAX_CALLS_PER_CONNECTION,
      maxFrameBytes: values.MAX_FRAME_SIZE,
      streamQueueSize: values.STREAM_QUEUE_SIZE,
      handshakeTimeoutMs: values.HANDSHAKE_TIMEOUT,
      pingIntervalMs: values.PING_INTERVAL,
      pongTimeoutMs: values.PONG_TIMEOUT,
      ackTimeoutMs: values.ACK_TIMEOUT,
      presenceGraceMs: values.PRESENCE_GRACE,
      positionLifetimeMs: values.POSITION_LIFETIME,
      resumeWindowMs: values.RESUME_WINDOW,
      resumeMaxUpdates: values.RESUME_MAX_UPDATES,
      streamStartTimeoutMs: values.STREAM_START_TIMEOUT,
      streamRefusalDelayMs: values.STREAM_REFUSAL_DELAY,
      framesPerSecond: values.FRAMES_PER_SECOND_PER_CONNECTION,
      bytesPerSecond: values.BYTES_PER_SECOND_PER_CONNECTION,
      maxFragments: values.MAX_FRAGMENTS
    },
    matrix: matrix(reading),
    /** Of requests that go on to the homeserver, where there is one. */
    proxy: {
      maxChannelsCreated: values.MAX_CHANNELS_CREATED,
      maxChannelsJoined: values.MAX_CHANNELS_JOINED,
      bodyLimitBytes: values.MATRIX_BODY_LIMIT,
      mediaLimitBytes: values.MATRIX_MEDIA_LIMIT,
      maxRequests: values.MATRIX_MAX_REQUESTS,
      maxRequestsPerUser: values.MATRIX_MAX_REQUESTS_PER_USER,
      maxChannelsCreatedPerDay: values.CHANNELS_CREATED_PER_DAY
    },
    /** What was set and has no effect, a sentence each. */
    warnings
  }
}

/** Null while the port is still to be chosen. */
function localUrl(scheme: 'http' | 'ws', port: number): string | null {
  return port === 0 ? null : `${scheme}://localhost:${port}`
}

/** A variable that is set to nothing is unset: it does not hide the one in the file. */
function setVariables(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([, text]) => text?.trim()))
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part)
  }
  return Object.freeze(value)
}
