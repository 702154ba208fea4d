import { parseArgs } from 'node:util'
import { positive } from '../options.ts'
import { isOfTwo, WORKLOAD_NAMES, type WorkloadName } from './job.ts'

/** What a run measures. */
export interface ClusterOptions {
  readonly workloads: readonly WorkloadName[]
  /** Measured time of pushes and of presence, after a warm-up. */
  readonly seconds: number
  /** The same of each part of `scaling`. */
  readonly scalingSeconds: number
  /** Clients that are connected, half of them to each instance. */
  readonly clients: number
  /** Updates per second, that others receive. */
  readonly rate: number
  /** Numbers of instances that `scaling` compares, the least first; `many-sockets` has the last one. */
  readonly instances: readonly number[]
  /** How often it measures each. */
  readonly rounds: number
  /** Clients of `many-sockets`. */
  readonly sockets: number
  /** Friends of each of them. */
  readonly friends: number
  /** A folder for CPU profiles of the instances, or null. */
  readonly profile: string | null
}

const DEFAULT_SECONDS = { seconds: 30, scalingSeconds: 8 }
/** More would need more connections than the PostgreSQL of a benchmark has. */
const MAX_INSTANCES = 8
/** A client notes who is shown in the bits of one number. */
const MAX_FRIENDS = 30

export const USAGE = `npm run bench:cluster -- [options]
  --only a,b         only these: ${WORKLOAD_NAMES.join(', ')}
                     (all that need two instances, unless given)
  --instances A,B    numbers of instances that scaling compares (1,2,4,8); measures only that, unless --only is given
                     (many-sockets has the most of them)
  --rounds N         how often it measures each (2)
  --seconds N        measured time of pushes and presence (${DEFAULT_SECONDS.seconds}), and of each part of scaling (${DEFAULT_SECONDS.scalingSeconds})
  --clients N        clients of both instances together (10000)
  --rate N           updates per second that others receive (1000)
  --sockets N        clients of many-sockets (100000)
  --friends N        friends of each of these, an even number up to ${MAX_FRIENDS} (10)
  --profile FOLDER   write CPU profiles of the instances`

/** @throws TypeError for an unknown option, or one that is not what it should be */
export function readOptions(args: readonly string[]): ClusterOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      instances: { type: 'string' },
      rounds: { type: 'string', default: '2' },
      seconds: { type: 'string' },
      clients: { type: 'string', default: '10000' },
      rate: { type: 'string', default: '1000' },
      sockets: { type: 'string', default: '100000' },
      friends: { type: 'string', default: '10' },
      profile: { type: 'string' }
    }
  })
  const seconds = values.seconds === undefined ? null : positive('seconds', values.seconds)
  return {
    workloads: workloadsOf(values.only, values.instances !== undefined),
    seconds: seconds ?? DEFAULT_SECONDS.seconds,
    scalingSeconds: seconds ?? DEFAULT_SECONDS.scalingSeconds,
    clients: positive('clients', values.clients),
    rate: positive('rate', values.rate),
    instances: numbersOfInstances(values.instances ?? '1,2,4,8'),
    rounds: positive('rounds', values.rounds),
    sockets: positive('sockets', values.sockets),
    friends: friendsOf(values.friends),
    profile: values.profile ?? null
  }
}

function workloadsOf(text: string, isScaling: boolean): readonly WorkloadName[] {
  const only = text.split(',').filter(name => name !== '')
  const unknown = only.filter(name => !WORKLOAD_NAMES.some(known => known === name))
  if (unknown.length > 0) throw new TypeError(`Unknown: ${unknown.join(', ')}`)
  if (only.length > 0) return WORKLOAD_NAMES.filter(name => only.includes(name))
  return isScaling ? ['scaling'] : WORKLOAD_NAMES.filter(isOfTwo)
}

function numbersOfInstances(text: string): number[] {
  const counts = text.split(',').map(part => positive('instances', part))
  if (counts.some(count => count > MAX_INSTANCES)) throw new TypeError(`--instances takes up to ${MAX_INSTANCES}`)
  return [...new Set(counts)].sort((a, b) => a - b)
}

function friendsOf(text: string): number {
  const friends = positive('friends', text)
  if (friends % 2 !== 0 || friends > MAX_FRIENDS) throw new TypeError(`--friends must be even, up to ${MAX_FRIENDS}`)
  return friends
}
