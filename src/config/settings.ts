import { type Definitions, ENVIRONMENTS, type ValueOf } from './definition.ts'
import { addressRanges, baseUrl, choice, duration, flag, hostsUrl, origins, text, url, whole } from './kinds.ts'
import { LIMITS, RPC_LIMITS } from './limits.ts'
import { MATRIX, MATRIX_LIMITS } from './matrix.ts'
import { NOTIFICATIONS } from './notifications.ts'
import { PRESENCE } from './presence.ts'

const port = whole(0, 65_535)
const token = text(/^\S+$/, 'text without white space')
const hostAndPort = text(/^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i, 'host or host:port')

const SERVICE = {
  ENVIRONMENT: {
    kind: choice(...ENVIRONMENTS),
    default: 'local',
    about: 'Which world is served: it chooses the defaults that differ between `local`, `zone` and `org` below.'
  },
  SERVER_NAME: {
    kind: text(/^(?:\[[\da-f:.]+\]|[a-z\d.-]+)(?::\d{1,5})?$/i, 'a host name, with or without a port'),
    default: { local: 'localhost', zone: 'decentraland.zone', org: 'decentraland.org' },
    about: 'The server part of Matrix ids (`@0x…:<server name>`).'
  },
  PUBLIC_HTTP_URL: {
    kind: baseUrl('http', 'https'),
    default: { zone: 'https://social.decentraland.zone', org: 'https://social.decentraland.org' },
    about: 'Where clients reach the HTTP port; locally `http://localhost:HTTP_PORT`.'
  },
  PUBLIC_RPC_URL: {
    kind: baseUrl('ws', 'wss'),
    default: {
      zone: 'wss://rpc-social-service.decentraland.zone',
      org: 'wss://rpc-social-service.decentraland.org'
    },
    about: 'Where clients reach the RPC port; locally `ws://localhost:RPC_PORT`.'
  },
  // All interfaces, because a container cannot be reached on its loopback interface.
  HOST: {
    kind: text(/^[\w.:-]+$/, 'an IP address or host name'),
    default: '0.0.0.0',
    about: 'The address to listen on; `127.0.0.1` keeps the service to this machine.'
  },
  HTTP_PORT: { kind: port, default: '5000', about: 'Port of REST, Matrix, health and metrics; 0 takes a free one.' },
  RPC_PORT: {
    kind: port,
    default: '8085',
    about: 'Port of the WebSocket RPC; 0 takes a free one. It may be `HTTP_PORT`.'
  },
  TRUSTED_PROXIES: {
    kind: addressRanges,
    about: 'Proxies whose word on the address of a client (`X-Forwarded-For`) is taken.'
  },
  CORS_ORIGINS: { kind: origins, default: '*', about: 'Origins of web pages that may use the HTTP port.' },
  DATA_DIR: {
    kind: text(/./, 'a path'),
    default: './data',
    about: 'Folder of the embedded database, used when there is no other.'
  },
  SHUTDOWN_GRACE: {
    kind: duration('0s', '10m'),
    default: '20s',
    about: 'Longest time that open calls and sockets have to end when the service is told to stop.'
  }
} satisfies Definitions

const DATABASE = {
  DATABASE_URL: {
    kind: hostsUrl('postgres', 'postgresql'),
    secret: true,
    about:
      'PostgreSQL 13 or newer; without it the embedded database in `DATA_DIR` is used. It may name several hosts, of which `target_session_attrs=read-write` finds the one that takes writes.'
  },
  DB_HOST: { kind: hostAndPort, about: 'With the three below, another way to say `DATABASE_URL`, which wins.' },
  DB_USER: { kind: text(/./, 'a user name'), default: 'postgres', about: 'See `DB_HOST`.' },
  DB_PASSWORD: { kind: text(/./, 'a password'), secret: true, about: 'See `DB_HOST`.' },
  DB_NAME: {
    kind: text(/^[\w.-]+$/, 'letters, digits, and _ - .'),
    default: 'social_service',
    about: 'See `DB_HOST`.'
  },
  DATABASE_POOL_SIZE: {
    kind: whole(1, 500, 'connections'),
    default: '20',
    about: 'Connections that one instance holds to PostgreSQL.'
  },
  DATABASE_CONNECT_TIMEOUT: {
    kind: duration('10ms', '1m'),
    default: '2s',
    about: 'Longest wait for a connection, a new one or one of the pool.'
  },
  DATABASE_STATEMENT_TIMEOUT: { kind: duration('10ms', '10m'), default: '10s', about: 'Longest run of one statement.' },
  LOG_RETENTION: {
    kind: duration('1h', '3650d'),
    about: 'For how long the log of what happened is kept at least; unset, for ever. At least twice `RESUME_WINDOW`.'
  },
  DATABASE_REPLICA_URL: {
    kind: hostsUrl('postgres', 'postgresql'),
    secret: true,
    about:
      'Hot standbys of that PostgreSQL, one host or several, from which lists of friends, requests and blocks are read that may be `DATABASE_REPLICA_MAX_LAG` old.'
  },
  DATABASE_REPLICA_MAX_LAG: {
    kind: duration('100ms', '1m'),
    default: '1s',
    about: 'How old such a list may be; a standby that is further behind is not read.'
  },
  REDIS_URL: {
    kind: hostsUrl('redis', 'rediss'),
    secret: true,
    about:
      'Redis, through which instances tell one another: one server, or a cluster (Redis 7 or newer) by one or several of its nodes.'
  },
  REDIS_HOST: { kind: hostAndPort, about: 'Another way to say `REDIS_URL`, which wins.' },
  ALLOW_EMBEDDED_DATABASE: {
    kind: flag,
    default: 'false',
    about: 'Whether `zone` and `org` may be served from the embedded database, where `DATABASE_URL` is not set.'
  }
} satisfies Definitions

const OBSERVABILITY = {
  LOG_LEVEL: {
    kind: choice('debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    about: 'Least level logged.'
  },
  LOG_FORMAT: {
    kind: choice('auto', 'pretty', 'json'),
    default: 'auto',
    about: 'Lines for people or for machines; `auto` is `pretty` on a terminal and `json` otherwise.'
  },
  METRICS_TOKEN: {
    kind: token,
    aliases: ['WKC_METRICS_BEARER_TOKEN'],
    secret: true,
    about: 'Bearer token that `GET /metrics` asks for; without it the route is off.'
  }
} satisfies Definitions

const OUTSIDE = {
  ETHEREUM_RPC_URL: {
    kind: url('http', 'https'),
    default: {
      zone: 'https://rpc.decentraland.org/sepolia?project=social-service',
      org: 'https://rpc.decentraland.org/mainnet?project=social-service'
    },
    secret: true,
    about: 'Ethereum node that is asked about signatures of contract wallets; without it they cannot log in.'
  },
  ETHEREUM_TIMEOUT: { kind: duration('10ms', '1m'), default: '5s', about: 'Longest time that one such login waits.' },
  CATALYST_URL: {
    kind: baseUrl('http', 'https'),
    default: { zone: 'https://peer.decentraland.zone', org: 'https://peer.decentraland.org' },
    about: 'Catalyst that knows names and pictures of users; without it a profile is the address alone.'
  },
  CATALYST_TIMEOUT: { kind: duration('10ms', '1m'), default: '2s', about: 'Longest wait for names and pictures.' },
  SERVICES_WITHOUT_KEY: {
    kind: addressRanges,
    about:
      'Addresses of services that may read who may write to a user (`privacy-settings`) without an API key, as comms-gatekeeper does; `0.0.0.0/0,::/0` is everybody.'
  }
} satisfies Definitions

/** Every setting, under the headings of the operator's documentation. */
export const SETTING_GROUPS = {
  'The service': SERVICE,
  'Database and Redis': DATABASE,
  'Logs and metrics': OBSERVABILITY,
  'Other services': OUTSIDE,
  Notifications: NOTIFICATIONS,
  'Who is online': PRESENCE,
  Limits: LIMITS,
  'Limits of the WebSocket RPC': RPC_LIMITS,
  Matrix: MATRIX,
  'Limits of Matrix': MATRIX_LIMITS
} satisfies Record<string, Definitions>

export const SETTINGS = {
  ...SERVICE,
  ...DATABASE,
  ...OBSERVABILITY,
  ...OUTSIDE,
  ...NOTIFICATIONS,
  ...PRESENCE,
  ...LIMITS,
  ...RPC_LIMITS,
  ...MATRIX,
  ...MATRIX_LIMITS
}

export type SettingName = keyof typeof SETTINGS

/** The value of each setting; null when it is unset and has no default. */
export type Values = { readonly [N in SettingName]: ValueOf<(typeof SETTINGS)[N]> }
