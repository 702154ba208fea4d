import { parseArgs } from 'node:util'
import { positive } from '../options.ts'
import { WORKLOAD_NAMES, type WorkloadName } from './job.ts'

/** What a run measures. */
export interface ClusterOptions {
  readonly workloads: readonly WorkloadName[]
  /** Measured time of pushes and of presence, after a warm-up. */
  readonly seconds: number
  /** Clients that are connected, half of them to each instance. */
  readonly clients: number
  /** Updates per second, that others receive. */
  readonly rate: number
  /** A folder for CPU profiles of the instances, or null. */
  readonly profile: string | null
}

export const USAGE = `npm run bench:cluster -- [options]
  --only a,b        only these: ${WORKLOAD_NAMES.join(', ')}
  --seconds N       measured time of pushes and presence (30)
  --clients N       clients of both instances together (10000)
  --rate N          updates per second that others receive (1000)
  --profile FOLDER  write CPU profiles of the instances`

/** @throws TypeError for an unknown option, or one that is not what it should be */
export function readOptions(args: readonly string[]): ClusterOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      seconds: { type: 'string', default: '30' },
      clients: { type: 'string', default: '10000' },
      rate: { type: 'string', default: '1000' },
      profile: { type: 'string' }
    }
  })
  const only = values.only.split(',').filter(name => name !== '')
  const unknown = only.filter(name => !WORKLOAD_NAMES.some(known => known === name))
  if (unknown.length > 0) throw new TypeError(`Unknown: ${unknown.join(', ')}`)
  return {
    workloads: only.length === 0 ? WORKLOAD_NAMES : WORKLOAD_NAMES.filter(name => only.includes(name)),
    seconds: positive('seconds', values.seconds),
    clients: positive('clients', values.clients),
    rate: positive('rate', values.rate),
    profile: values.profile ?? null
  }
}
