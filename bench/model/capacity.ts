import type { Demand, InstanceLimits } from './demand.ts'

/** The machines that there are: the largest that are easily had, and how much of each is used at most. */
export interface Machines {
  readonly instance: InstanceLimits
  /** One primary: cores, connections, and bytes of memory, of disk, and of write-ahead log in a second. */
  readonly postgres: {
    readonly cores: number
    readonly connections: number
    readonly memory: number
    readonly disk: number
    readonly wal: number
  }
  /** One server: it runs commands on one core. */
  readonly redis: { readonly cores: number; readonly memory: number }
  /** The part of each that is in use at the busiest hour. */
  readonly used: number
}

const GB = 1e9
export const MACHINES: Machines = {
  instance: { sockets: 20_000, cores: 0.6, connections: 20 },
  postgres: { cores: 64, connections: 5_000, memory: 512 * GB, disk: 16_000 * GB, wal: 0.3 * GB },
  redis: { cores: 1, memory: 64 * GB },
  used: 0.6
}

/** How full something is, of which there is one. */
export interface Fullness {
  readonly resource: Resource
  /** Of what may be used of it: more than 1 is too much. */
  readonly share: number
}

/** What there is one of, and what to do when it is full. Instances are added one by one, and are never full. */
export const REMEDIES = {
  'PostgreSQL: cores': 'lists from read replicas (`DATABASE_REPLICA_URL`); then pairs on several servers',
  'PostgreSQL: cores without lists': 'pairs on several servers',
  'PostgreSQL: connections': 'a smaller `DATABASE_POOL_SIZE`: few of them are in use at a time',
  'PostgreSQL: memory': 'lists from read replicas, each with its own memory; then pairs on several servers',
  'PostgreSQL: disk': 'a shorter `LOG_RETENTION`; then pairs on several servers',
  'PostgreSQL: write-ahead log': '`wal_compression`, checkpoints farther apart; then pairs on several servers',
  'Redis: core': 'Redis Cluster',
  'Redis: memory': 'Redis Cluster'
} as const
export type Resource = keyof typeof REMEDIES

/** Everything that there is one of, the fullest first. */
export function fullnessOf(
  { cores, connections, memory, disk, wal }: Demand,
  { postgres, redis, used }: Machines
): Fullness[] {
  const stored = disk.friendships + disk.log + disk.sessions
  const shares: Record<Resource, number> = {
    'PostgreSQL: cores': (cores.primary + cores.lists) / postgres.cores,
    'PostgreSQL: cores without lists': cores.primary / postgres.cores,
    'PostgreSQL: connections': connections / postgres.connections,
    'PostgreSQL: memory': memory.postgres / postgres.memory,
    'PostgreSQL: disk': stored / postgres.disk,
    'PostgreSQL: write-ahead log': wal / postgres.wal,
    'Redis: core': cores.redis / redis.cores,
    'Redis: memory': memory.redis / redis.memory
  }
  return (Object.keys(shares) as Resource[])
    .map(resource => ({ resource, share: shares[resource] / used }))
    .sort((a, b) => b.share - a.share)
}

const MOST_USERS = 1e12

/**
 * With how many users something is full.
 * @param shareAt how full it is with so many; more users never make it emptier
 * @returns Infinity when it is not full with any number of people that could be
 */
export function fullAt(shareAt: (users: number) => number): number {
  let [enough, tooMany] = [1, MOST_USERS]
  if (shareAt(tooMany) < 1) return Number.POSITIVE_INFINITY
  while (tooMany / enough > 1.001) {
    const users = Math.sqrt(enough * tooMany)
    if (shareAt(users) < 1) enough = users
    else tooMany = users
  }
  return enough
}
