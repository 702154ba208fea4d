import type { Coefficients, Work, WorkCost } from './coefficients.ts'

/** Who there is, at the busiest hour. */
export interface Population {
  readonly users: number
  /** The part of them who are online. */
  readonly online: number
}

/** What each part of a mix means. */
export const MIX_MEANINGS = {
  updates: 'friendships that a user who is online changes, in an hour',
  lists: 'their lists of friends',
  mutuals: 'their lists of mutual friends',
  logins: 'their logins',
  connects: 'how often they connect and subscribe',
  heartbeats: 'their heartbeats (ADR-246: one in 30 s)',
  moves: 'heartbeats from another place than before, which friends who are online are told',
  friends: 'friends of each user',
  sessions: 'sessions of each user',
  positions: 'devices of each user that may come back to where they were in their updates',
  daily: 'the part of all users who come on one day',
  busyHours: 'a day is as much as so many of its busiest hours',
  logDays: 'days that the log is kept, `LOG_RETENTION`'
} as const

/** What users do and have. */
export type Mix = Readonly<Record<keyof typeof MIX_MEANINGS, number>>

export const MIX: Mix = {
  updates: 1,
  lists: 6,
  mutuals: 2,
  logins: 0.2,
  connects: 1,
  heartbeats: 120,
  moves: 20,
  friends: 50,
  sessions: 2,
  positions: 0.3,
  daily: 0.3,
  busyHours: 10,
  logDays: 90
}

/** What one instance may be given, so that another one can take its place. */
export interface InstanceLimits {
  readonly sockets: number
  /** Cores of it that are used at most. */
  readonly cores: number
  /** To PostgreSQL: `DATABASE_POOL_SIZE`. */
  readonly connections: number
}

/** What a population needs at its busiest hour: cores in use, bytes, and what happens in a second. */
export interface Demand {
  readonly sockets: number
  readonly rates: Readonly<Record<Work, number>>
  /** Infinity when what all instances do for each other is more than another one brings. */
  readonly instances: number
  readonly cores: {
    readonly instances: number
    /** Of PostgreSQL, without the lists. */
    readonly primary: number
    /** Of PostgreSQL, for lists: what may be read from a replica. */
    readonly lists: number
    readonly redis: number
  }
  /** Between the instances and PostgreSQL. */
  readonly connections: number
  readonly commands: number
  readonly memory: { readonly instances: number; readonly postgres: number; readonly redis: number }
  readonly disk: { readonly friendships: number; readonly log: number; readonly sessions: number }
  readonly wal: number
}

const HOUR_S = 3600
/** An instance says so often that it is alive. */
const BEAT_S = 5
const LISTS: readonly Work[] = ['list', 'mutuals']
/** More instances than anybody has: beyond it there is no number that is enough. */
const MAX_INSTANCES = 1_000_000

export function demandOf(
  { users, online }: Population,
  mix: Mix,
  coefficients: Coefficients,
  limits: InstanceLimits
): Demand {
  const { memory, disk, wal } = coefficients
  const sockets = users * online
  const given = givenRates(sockets, online, mix)
  const { instances, rates } = enoughInstances(sockets, given, coefficients, limits)
  const total = (part: Exclude<keyof WorkCost, 'of'>, works = Object.keys(rates) as Work[]): number =>
    works.reduce((sum, work) => sum + rates[work] * coefficients.work[work][part], 0)
  const cores = (part: 'instance' | 'postgres' | 'redis', works?: Work[]): number => total(part, works) / 1000
  const lists = cores('postgres', [...LISTS])
  const friendships = users * (disk.count + (mix.friends / 2) * disk.pair)
  return {
    sockets,
    rates,
    instances,
    cores: { instances: cores('instance'), primary: cores('postgres') - lists, lists, redis: cores('redis') },
    connections: instances * limits.connections,
    commands: total('commands'),
    memory: {
      instances: instances * memory.instance + sockets * memory.socket,
      // Not more than there is: lists that stand side by side share their pages.
      postgres: Math.min(users * mix.daily * memory.postgresUser, friendships),
      redis: sockets * memory.redisUser
    },
    disk: {
      friendships,
      log: rates.update * HOUR_S * mix.busyHours * mix.logDays * disk.event,
      sessions: users * (mix.sessions * disk.session + mix.positions * disk.position)
    },
    wal: rates.update * wal.update + rates.login * wal.login + rates.connect * wal.connect
  }
}

type GivenWork = Exclude<Work, 'swept' | 'sweep' | 'peer'>

/** What happens in a second, however many instances there are. */
function givenRates(sockets: number, online: number, mix: Mix): Record<GivenWork, number> {
  const perSecond = (perHour: number): number => (sockets * perHour) / HOUR_S
  const moves = perSecond(mix.moves)
  const updates = perSecond(mix.updates)
  return {
    update: updates,
    // Whom it concerns is online as often as anybody.
    push: updates * online,
    list: perSecond(mix.lists),
    mutuals: perSecond(mix.mutuals),
    login: perSecond(mix.logins),
    connect: perSecond(mix.connects),
    heartbeat: perSecond(mix.heartbeats),
    // Who comes and goes is told as who is elsewhere.
    told: (moves + 2 * perSecond(mix.connects)) * mix.friends * online
  }
}

/**
 * Each instance sweeps the log once a second, and finds all events there; and with every beat it tells each other one, of
 * whose users some are friends of its own, how far it is. What more instances cost, more instances have to bear.
 */
function enoughInstances(
  sockets: number,
  given: Record<GivenWork, number>,
  { work }: Coefficients,
  limits: InstanceLimits
): { instances: number; rates: Record<Work, number> } {
  let instances = Math.max(1, Math.ceil(sockets / limits.sockets))
  for (;;) {
    const rates: Record<Work, number> = {
      ...given,
      sweep: instances,
      swept: instances * given.update,
      peer: (instances * (instances - 1)) / BEAT_S
    }
    const cores = (Object.keys(rates) as Work[]).reduce(
      (sum, name) => sum + (rates[name] * work[name].instance) / 1000,
      0
    )
    const wanted = Math.ceil(cores / limits.cores)
    if (wanted <= instances) return { instances, rates }
    if (wanted > MAX_INSTANCES) return { instances: Number.POSITIVE_INFINITY, rates }
    instances = wanted
  }
}
