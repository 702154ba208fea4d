import { EVENT_TYPES, type EventType } from '../domain/event-types.ts'
import type { NatsServers } from './presence.ts'
import type { Reading } from './reading.ts'
import { SETTINGS, type SettingName } from './settings.ts'

/** How the Matrix homeserver is used. */
type Matrix = {
  readonly homeserverUrl: string
  readonly roomOn: 'request' | 'accept'
  readonly allowPrivateRooms: boolean
  readonly timeoutMs: number
} & (
  | {
      readonly mode: 'passthrough'
      /** By which the homeserver may still know this service from before. */
      readonly asToken: string | null
      readonly tokenKey: string | null
    }
  | { readonly mode: 'appservice'; readonly asToken: string; readonly hsToken: string; readonly tokenKey: string }
)

const DATABASE_PARTS = ['DB_HOST', 'DB_USER', 'DB_PASSWORD', 'DB_NAME'] as const
const APPSERVICE_ONLY = ['MATRIX_AS_TOKEN', 'MATRIX_HS_TOKEN'] as const
const WORLD_ONLY = ['NATS_URL', 'PRESENCE_HEARTBEAT_TIMEOUT', 'PRESENCE_WORLD_TIMEOUT'] as const
const HOMESERVER_ONLY = [
  'MATRIX_HOMESERVER_URL',
  'MATRIX_TOKEN_KEY',
  'MATRIX_ROOM_ON',
  'MATRIX_ALLOW_PRIVATE_ROOMS',
  'MATRIX_TIMEOUT'
] as const

/** DATABASE_URL, or what the parts make; null for the embedded database. */
export function databaseUrl(reading: Reading): string | null {
  const { values, sources } = reading
  if (sources.DATABASE_URL) {
    ignore(reading, DATABASE_PARTS, 'DATABASE_URL is set')
    return values.DATABASE_URL && withStrictTls(values.DATABASE_URL)
  }
  const part = DATABASE_PARTS.find(name => sources[name])
  if (!part) {
    askForEmbedded(reading)
    return null
  }
  const host = needed(reading, 'DB_HOST', `${sources[part]} is set`)
  const password = values.DB_PASSWORD === null ? '' : `:${encodeURIComponent(values.DB_PASSWORD)}`
  return `postgres://${encodeURIComponent(values.DB_USER)}${password}@${host}/${values.DB_NAME}`
}

/** Null without read replicas; an embedded database has none. */
export function replicaUrl(reading: Reading): string | null {
  const { values, sources } = reading
  const url = values.DATABASE_REPLICA_URL
  if (url === null) {
    ignore(reading, ['DATABASE_REPLICA_MAX_LAG'], 'DATABASE_REPLICA_URL is not set')
    return null
  }
  if (sources.DATABASE_URL || sources.DB_HOST) return withStrictTls(url)
  ignore(reading, ['DATABASE_REPLICA_URL'], 'the database is embedded')
  return null
}

/**
 * node-postgres takes these modes for the strictest one, as long as nobody asks for those of libpq, and prints that this will
 * change: here it will not.
 */
function withStrictTls(url: string): string {
  if (/[?&]uselibpqcompat=true\b/.test(url)) return url
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=[&#]|$)/g, '$1verify-full')
}

/** In a real world an empty database beside the real one is most likely a setting that was lost on the way. */
function askForEmbedded({ values, issues }: Reading): void {
  const { ENVIRONMENT, ALLOW_EMBEDDED_DATABASE, DATA_DIR } = values
  if (ENVIRONMENT === 'local' || ALLOW_EMBEDDED_DATABASE) return
  const reason = `because ENVIRONMENT is ${ENVIRONMENT}, but is not set`
  const otherwise = `for an embedded database in ${DATA_DIR} set ALLOW_EMBEDDED_DATABASE=true`
  issues.push(`DATABASE_URL must be ${SETTINGS.DATABASE_URL.kind.allowed}, ${reason}; ${otherwise}`)
}

/** A device that comes back must find in the log what it missed. */
export function logRetention({ values, issues }: Reading): number | null {
  const { LOG_RETENTION: retentionMs, RESUME_WINDOW: windowMs } = values
  if (retentionMs !== null && retentionMs < 2 * windowMs) {
    issues.push(`LOG_RETENTION must be at least twice RESUME_WINDOW, which is ${windowMs / 1000} s`)
  }
  return retentionMs
}

/** REDIS_URL, or what the host makes; null without Redis. */
export function redisUrl(reading: Reading): string | null {
  const { values, sources } = reading
  if (sources.REDIS_URL) {
    ignore(reading, ['REDIS_HOST'], 'REDIS_URL is set')
    return values.REDIS_URL
  }
  return values.REDIS_HOST && `redis://${values.REDIS_HOST}`
}

/** What makes users online. */
export function presence(reading: Reading) {
  const { values } = reading
  const source = values.PRESENCE_SOURCE
  const reason = `PRESENCE_SOURCE is ${source}`
  if (source === 'sockets') ignore(reading, WORLD_ONLY, reason)
  else ask(reading, 'NATS_URL', reason)
  const nats: NatsServers | null = source === 'sockets' ? null : values.NATS_URL
  return {
    source,
    /** Null where the world is not asked. */
    nats,
    heartbeatTimeoutMs: values.PRESENCE_HEARTBEAT_TIMEOUT,
    worldTimeoutMs: values.PRESENCE_WORLD_TIMEOUT
  }
}

/** Null in standalone mode. */
export function matrix(reading: Reading): Matrix | null {
  const mode = reading.values.MATRIX_MODE
  const reason = `MATRIX_MODE is ${mode}`
  if (mode === 'passthrough') ignore(reading, ['MATRIX_HS_TOKEN'], reason)
  if (mode === 'standalone') {
    ignore(reading, [...APPSERVICE_ONLY, ...HOMESERVER_ONLY], reason)
    return null
  }
  const homeserver = {
    homeserverUrl: needed(reading, 'MATRIX_HOMESERVER_URL', reason),
    roomOn: reading.values.MATRIX_ROOM_ON,
    allowPrivateRooms: reading.values.MATRIX_ALLOW_PRIVATE_ROOMS,
    timeoutMs: reading.values.MATRIX_TIMEOUT
  }
  if (mode === 'passthrough') {
    return { mode, ...homeserver, asToken: reading.values.MATRIX_AS_TOKEN, tokenKey: reading.values.MATRIX_TOKEN_KEY }
  }
  return {
    mode,
    ...homeserver,
    asToken: needed(reading, 'MATRIX_AS_TOKEN', reason),
    hsToken: needed(reading, 'MATRIX_HS_TOKEN', reason),
    tokenKey: needed(reading, 'MATRIX_TOKEN_KEY', reason)
  }
}

/** One receiver of webhooks. */
interface Webhook {
  readonly name: string
  readonly url: string
  readonly secrets: readonly string[]
  readonly events: readonly EventType[]
}

/** What `WEBHOOKS` names, with what the other settings say of each. */
export function webhooks({ values, sources, issues, warnings }: Reading): Webhook[] {
  const { WEBHOOKS: urls, WEBHOOK_SECRETS: secrets, WEBHOOK_EVENTS: events } = values
  const ignored = [...(secrets?.keys() ?? [])].map(name => [name, sources.WEBHOOK_SECRETS] as const)
  ignored.push(...[...(events?.keys() ?? [])].map(name => [name, sources.WEBHOOK_EVENTS] as const))
  for (const [name, variable] of ignored) {
    if (!urls?.has(name)) warnings.push(`${variable} of ${name} has no effect, because WEBHOOKS does not name it`)
  }
  return [...(urls ?? [])].map(([name, [url = '', another]]) => {
    if (another !== undefined) issues.push(`WEBHOOKS must have one URL for ${name}, but has several`)
    const own = secrets?.get(name) ?? []
    if (own.length === 0) issues.push(`WEBHOOK_SECRETS must have a secret of ${name}, because WEBHOOKS names it`)
    return { name, url, secrets: own, events: events?.get(name) ?? EVENT_TYPES }
  })
}

type TextName =
  | 'DB_HOST'
  | 'AWS_ACCESS_KEY_ID'
  | 'AWS_SECRET_ACCESS_KEY'
  | 'COMMS_GATEKEEPER_AUTH_TOKEN'
  | 'MATRIX_HOMESERVER_URL'
  | 'MATRIX_TOKEN_KEY'
  | (typeof APPSERVICE_ONLY)[number]

/** The value of a setting that another one makes necessary. Empty when it has none, which is then an issue. */
export function needed(reading: Reading, name: TextName, reason: string): string {
  ask(reading, name, reason)
  return reading.values[name] ?? ''
}

/** It is an issue when a setting that another one makes necessary was not set. */
function ask({ sources, issues }: Reading, name: SettingName, reason: string): void {
  if (!sources[name]) issues.push(`${name} must be ${SETTINGS[name].kind.allowed}, because ${reason}, but is not set`)
}

/** Warns of settings that have no effect beside another one. */
export function ignore({ sources, warnings }: Reading, names: readonly SettingName[], reason: string): void {
  const variables = names.flatMap(name => sources[name] ?? [])
  warnings.push(...variables.map(variable => `${variable} has no effect, because ${reason}`))
}
