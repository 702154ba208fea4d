/*
 * What one of each costs, as measured: docs/scaling.md says when, and on what.
 */

/** CPU time of one, in milliseconds of one core, and the commands that Redis gets. */
export interface WorkCost {
  /** What it is, for people. */
  readonly of: string
  readonly instance: number
  readonly postgres: number
  readonly redis: number
  readonly commands: number
}

export const WORKS = [
  'update',
  'push',
  'list',
  'mutuals',
  'login',
  'connect',
  'heartbeat',
  'told',
  'sweep',
  'swept',
  'peer'
] as const
/** What is done, each so often. */
export type Work = (typeof WORKS)[number]

export interface Coefficients {
  readonly work: Readonly<Record<Work, WorkCost>>
  /** Memory: of an instance that nobody is connected to and of each socket, of Redis for each user who is online, and of PostgreSQL for each user of a day. */
  readonly memory: {
    readonly instance: number
    readonly socket: number
    readonly redisUser: number
    readonly postgresUser: number
  }
  /** Disk of PostgreSQL, with all indexes. */
  readonly disk: {
    readonly pair: number
    readonly count: number
    readonly event: number
    readonly session: number
    readonly position: number
  }
  /** Write-ahead log. */
  readonly wal: { readonly update: number; readonly login: number; readonly connect: number }
}

export const MEASURED: Coefficients = {
  work: {
    // `npm run bench`, with 1 million friendships; Redis by `npm run bench:cluster -- --instances 1`.
    update: { of: 'update of a friendship', instance: 0.17, postgres: 0.28, redis: 0.05, commands: 2 },
    // The row with its push, less the one without.
    push: { of: 'update told to a device', instance: 0.04, postgres: 0.02, redis: 0, commands: 0 },
    list: { of: 'list of 100 friends, v1', instance: 0.13, postgres: 0.09, redis: 0, commands: 0 },
    mutuals: { of: '250 mutual friends of 500 and 500, v1', instance: 0.2, postgres: 0.34, redis: 0, commands: 0 },
    // Redis counts it by its address.
    login: { of: 'login', instance: 0.42, postgres: 0.06, redis: 0.015, commands: 1 },
    connect: { of: 'connect and subscribe, v1', instance: 0.32, postgres: 0.15, redis: 0.05, commands: 4 },
    // `npm run bench:cluster -- --only presence`: a heartbeat as any call that reads nothing, and all else for what is told.
    heartbeat: { of: 'heartbeat', instance: 0.1, postgres: 0, redis: 0, commands: 0 },
    told: { of: 'place told to a friend', instance: 0.024, postgres: 0, redis: 0.002, commands: 0.3 },
    // The statement of a sweep by itself, with one event and with a thousand, and what is made of its rows.
    sweep: { of: 'look at the log by an instance', instance: 0.1, postgres: 0.05, redis: 0, commands: 0 },
    swept: { of: 'event found there', instance: 0.0005, postgres: 0.0005, redis: 0, commands: 0 },
    // One message over Redis, sent by one and taken by the other.
    peer: { of: 'instance that tells another how far it is', instance: 0.02, postgres: 0, redis: 0.006, commands: 1 }
  },
  memory: { instance: 100_000_000, socket: 15_400, redisUser: 420, postgresUser: 24_576 },
  disk: { pair: 630, count: 300, event: 270, session: 360, position: 230 },
  wal: { update: 32_000, login: 9_400, connect: 400 }
}

/** What is measured in bytes, for people. */
export const BYTES: readonly { readonly of: string; readonly read: (measured: Coefficients) => number }[] = [
  { of: 'instance without anybody: memory', read: ({ memory }) => memory.instance },
  { of: 'socket, subscribed to updates and presence: memory of an instance', read: ({ memory }) => memory.socket },
  { of: 'user who is online: memory of Redis', read: ({ memory }) => memory.redisUser },
  { of: 'user of a day: memory of PostgreSQL (three pages of indexes)', read: ({ memory }) => memory.postgresUser },
  { of: 'friendship: disk', read: ({ disk }) => disk.pair },
  { of: 'counts of a user: disk', read: ({ disk }) => disk.count },
  { of: 'event: disk', read: ({ disk }) => disk.event },
  { of: 'session: disk', read: ({ disk }) => disk.session },
  { of: 'position of a device: disk', read: ({ disk }) => disk.position },
  { of: 'update: write-ahead log', read: ({ wal }) => wal.update },
  { of: 'login: write-ahead log', read: ({ wal }) => wal.login },
  { of: 'connect and subscribe: write-ahead log', read: ({ wal }) => wal.connect }
]
