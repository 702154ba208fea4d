import type { InstanceAccess } from './job.ts'
import type { Watched } from './usage.ts'

/** What is done upon some instances, to be compared with the same upon others. */
export interface ScalingJob {
  readonly workload: 'scaling'
  /** Each has users of its own, from 0 on. */
  readonly run: number
  /** Measured time of each part, after a warm-up. */
  readonly seconds: number
  /** Updates per second that another instance pushes. */
  readonly rate: number
  /** The first is the one that works. */
  readonly instances: readonly [InstanceAccess, ...InstanceAccess[]]
  readonly watched: Watched
}

/** CPU time of one update, in milliseconds. */
export interface UpdateCpu {
  /** Of the instance that does it. */
  readonly first: number
  /** Of all others together. */
  readonly others: number
  readonly postgres: number
  readonly redis: number
}

export interface Scale {
  /** Updates per second, in a closed loop. */
  readonly rate: number
  readonly cpu: UpdateCpu
  /** From the answer to the one who acted until the other was told, in milliseconds. */
  readonly pushes: readonly number[]
}
