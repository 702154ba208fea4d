import { readdirSync, readFileSync } from 'node:fs'
import { Client } from 'pg'

/** Processes whose CPU time is counted. */
export interface Watched {
  /** The service, or whatever stands in its place. */
  readonly server: number
  /** The first process of the PostgreSQL cluster, which started all others. */
  readonly postmaster: number
}

/** CPU time so far, in milliseconds. */
export interface CpuTimes {
  readonly server: number
  readonly postgres: number
  readonly load: number
}

/** Linux counts in hundredths of a second, whatever the kernel ticks by. */
const TICK_MS = 10
const PAGE_BYTES = 4096

/** What the watched processes, and this one as the load generator, have used so far. */
export function cpuTimes({ server, postmaster }: Watched): CpuTimes {
  const { user, system } = process.cpuUsage()
  return { server: processTime(server), postgres: clusterTime(postmaster), load: (user + system) / 1000 }
}

/** CPU time of one process so far, in milliseconds. */
export function processTime(pid: number): number {
  return own(readStat(pid))
}

/** The part of it that the first thread has used: the event loop of Node.js. */
export function mainThreadTime(pid: number): number {
  return own(readStat(`${pid}/task/${pid}`))
}

/** Memory that a process has in RAM, in bytes. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
}

/** The first process of a PostgreSQL cluster on this machine. */
export async function postmasterOf(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return readStat(rows[0]!.pid).parent
  } finally {
    await client.end()
  }
}

interface Stat {
  readonly parent: number
  readonly user: number
  readonly system: number
  /** Of children that have ended. */
  readonly endedUser: number
  readonly endedSystem: number
}

/** @param process its id, or the path of one of its threads */
function readStat(process: number | string): Stat {
  const text = readFileSync(`/proc/${process}/stat`, 'latin1')
  // The name in parentheses may hold anything; the third field follows the last one.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(at => fields[at])
  return { parent, user, system, endedUser, endedSystem }
}

const own = ({ user, system }: Stat): number => (user + system) * TICK_MS

/**
 * CPU time of a PostgreSQL cluster so far, in milliseconds. Backends and background workers are children of the first
 * process, those that are gone count to it.
 */
export function clusterTime(postmaster: number): number {
  const first = readStat(postmaster)
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => statOrNull(Number(name)))
    .filter(stat => stat?.parent === postmaster)
  const running = children.reduce((sum, stat) => sum + (stat ? own(stat) : 0), own(first))
  return running + (first.endedUser + first.endedSystem) * TICK_MS
}

/** Null for a process that has ended since it was listed. */
function statOrNull(pid: number): Stat | null {
  try {
    return readStat(pid)
  } catch {
    return null
  }
}

/** CPU time of all processes that this one has started and that have ended, in milliseconds. */
export function endedChildrenTime(): number {
  const { endedUser, endedSystem } = readStat(process.pid)
  return (endedUser + endedSystem) * TICK_MS
}
