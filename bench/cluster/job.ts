import type { Usage, Watched } from './usage.ts'

/** What can be measured with two instances, in the order in which it is. */
const WITH_TWO = ['push', 'return', 'return-login', 'sockets', 'presence'] as const
export type TwoInstances = (typeof WITH_TWO)[number]

/** Everything that can be measured, in the order in which it is. */
export const WORKLOAD_NAMES = [...WITH_TWO, 'scaling', 'many-sockets'] as const
export type WorkloadName = (typeof WORKLOAD_NAMES)[number]

export const isOfTwo = (name: WorkloadName): name is TwoInstances => WITH_TWO.some(known => known === name)

/** One instance of the service, as the process that raises the load sees it. */
export interface InstanceAccess {
  readonly pid: number
  readonly http: string
  readonly rpc: string
}

/** One measurement upon two instances, as the process that raises the load gets it. */
export interface ClusterJob {
  readonly workload: TwoInstances
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
