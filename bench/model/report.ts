import { markdown, whole } from '../markdown.ts'
import { fullAt, fullnessOf, MACHINES, REMEDIES, type Resource } from './capacity.ts'
import { BYTES, MEASURED, WORKS } from './coefficients.ts'
import { type Demand, demandOf, MIX_MEANINGS, type Mix } from './demand.ts'

/** Who is looked at, and what they do. */
export interface Question {
  readonly users: readonly number[]
  readonly online: number
  readonly mix: Mix
}

/** What is needed, with a column for each number of users. */
export function needsTable({ users: counts, online, mix }: Question): string {
  const demands = counts.map(users => demandOf({ users, online }, mix, MEASURED, MACHINES.instance))
  const line = (name: string, read: (demand: Demand) => string): string[] => [name, ...demands.map(read)]
  return markdown([
    ['users', ...counts.map(whole)],
    line('sockets', ({ sockets }) => whole(sockets)),
    line('updates in a second', ({ rates }) => whole(rates.update)),
    line('lists in a second', ({ rates }) => whole(rates.list + rates.mutuals)),
    line('heartbeats in a second', ({ rates }) => whole(rates.heartbeat)),
    line('instances', ({ instances }) => whole(instances)),
    line('their cores, in use', ({ cores }) => tenths(cores.instances)),
    line('their memory', ({ memory }) => gigabytes(memory.instances)),
    line('PostgreSQL: cores for lists, in use', ({ cores }) => tenths(cores.lists)),
    line('PostgreSQL: cores for all else', ({ cores }) => tenths(cores.primary)),
    line('PostgreSQL: connections', ({ connections }) => whole(connections)),
    line('PostgreSQL: memory for the lists of a day', ({ memory }) => gigabytes(memory.postgres)),
    line('PostgreSQL: disk for friendships', ({ disk }) => gigabytes(disk.friendships)),
    line('PostgreSQL: disk for the log', ({ disk }) => gigabytes(disk.log)),
    line('PostgreSQL: disk for sessions', ({ disk }) => gigabytes(disk.sessions)),
    line('PostgreSQL: write-ahead log in a second', ({ wal }) => `${tenths(wal / 1e6)} MB`),
    line('Redis: commands in a second', ({ commands }) => whole(commands)),
    line('Redis: cores, in use', ({ cores }) => cores.redis.toFixed(2)),
    line('Redis: memory', ({ memory }) => gigabytes(memory.redis))
  ])
}

/** Everything that there is one of, in the order in which it is full. */
export function fullTable({ users: counts, online, mix }: Question): string {
  const shareOf = (users: number, wanted: Resource): number => {
    const demand = demandOf({ users, online }, mix, MEASURED, MACHINES.instance)
    return fullnessOf(demand, MACHINES).find(({ resource }) => resource === wanted)!.share
  }
  const rows = (Object.keys(REMEDIES) as Resource[])
    .map(resource => ({ resource, users: fullAt(users => shareOf(users, resource)) }))
    .sort((a, b) => a.users - b.users)
    .map(({ resource, users }) => {
      const shares = counts.map(count => `${whole(100 * shareOf(count, resource))} %`)
      return [resource, ...shares, millions(users), REMEDIES[resource]]
    })
  return markdown([['what there is one of', ...counts.map(whole), 'full at', 'then'], ...rows])
}

/** What users do and have. */
export function mixTable(mix: Mix): string {
  const names = Object.keys(MIX_MEANINGS) as (keyof Mix)[]
  return markdown([
    ['name', 'value', 'meaning'],
    ...names.map(name => [`\`${name}\``, `${mix[name]}`, MIX_MEANINGS[name]])
  ])
}

/** What one of each costs. */
export function costsTable(): string {
  const rows = WORKS.map(work => {
    const { instance, postgres, redis, commands, of } = MEASURED.work[work]
    return [
      of,
      ...[instance, postgres, redis].map(ms => (ms === 0 ? '' : `${ms}`)),
      commands === 0 ? '' : `${commands}`
    ]
  })
  return markdown([['one', 'CPU ms: instance', 'PostgreSQL', 'Redis', 'commands'], ...rows])
}

/** What one of each takes in memory, on disk and in the write-ahead log. */
export function bytesTable(): string {
  return markdown([['one', 'bytes'], ...BYTES.map(({ of, read }) => [of, whole(read(MEASURED))])])
}

function tenths(value: number): string {
  return value.toFixed(1)
}

function gigabytes(bytes: number): string {
  return `${bytes < 1e10 ? tenths(bytes / 1e9) : whole(bytes / 1e9)} GB`
}

function millions(users: number): string {
  return users === Number.POSITIVE_INFINITY ? 'never' : `${whole(users / 1e6)} million`
}
