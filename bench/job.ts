import type { Watched } from './cpu.ts'
import type { WorldSize } from './world.ts'

/** Everything that can be measured. */
export type WorkloadName =
  | 'v1-updates'
  | 'v1-friends'
  | 'v1-popular-friends'
  | 'v1-mutual-friends'
  | 'v1-popular-mutual-friends'
  | 'v1-arrivals'
  | 'idle-sockets'
  | 'rest-friends'
  | 'service-friends'
  | 'rest-logins'
  | 'v2-handshakes'
  | 'v2-friends'
  | 'v2-updates'
  | 'v2-pushes'
  | 'raw-updates'
  | 'raw-friends'
  | 'raw-mutual-friends'
  | 'raw-logins'
  | 'raw-token-checks'
  | 'raw-resumes'

/** One measurement, as the process that raises the load gets it. */
export interface Job {
  readonly workload: WorkloadName
  readonly seconds: number
  readonly size: WorldSize
  /** The number of its first lane, 0 unless given: each has users of its own, who are as it leaves them. */
  readonly firstLane?: number
  readonly watched: Watched
  readonly urls: { readonly http: string; readonly rpc: string; readonly database: string }
}

/** What came of it. */
export interface Measurement {
  /** Operations per second. */
  readonly rate: number
  /** Milliseconds that half of the operations, and ninety-nine of a hundred, took at most. */
  readonly p50: number
  readonly p99: number
  /** CPU time of one operation in milliseconds: in the server, in PostgreSQL, and in the load generator itself. */
  readonly cpu: { readonly server: number; readonly postgres: number; readonly load: number }
  /** Memory of the server for each socket that is held open, where that is what is measured. */
  readonly bytesPerSocket?: number
}

/** What the process of a job sends back. */
export type Report<Result> = { readonly result: Result } | { readonly error: string }
