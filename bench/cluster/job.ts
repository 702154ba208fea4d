import type { Usage, Watched } from './usage.ts'

/** Everything that can be measured with two instances, in the order in which it is. */
export const WORKLOAD_NAMES = ['push', 'return', 'return-login', 'sockets', 'presence'] as const
export type WorkloadName = (typeof WORKLOAD_NAMES)[number]

/** One instance of the service, as the process that raises the load sees it. */
export interface InstanceAccess {
  readonly pid: number
  readonly http: string
  readonly rpc: string
}

/** One measurement upon two instances, as the process that raises the load gets it. */
export interface ClusterJob {
  readonly workload: WorkloadName
  /** Measured time, after a warm-up, where the work itself has no end. */
  readonly seconds: number
  readonly clients: number
  /** Updates per second. */
  readonly rate: number
  readonly instances: readonly [InstanceAccess, InstanceAccess]
  readonly watched: Watched
}

/** One line of what came of it. */
export interface Line {
  readonly work: string
  readonly measured: string
  /** What was to be reached, and whether it was. */
  readonly target?: string
  readonly usage?: Usage
}
