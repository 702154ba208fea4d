import type { Population } from './population.ts'

/** One world, as the process that plays all of it but for one instance gets it. */
export interface PresenceJob {
  readonly workload: 'presence'
  readonly population: Population
  /** Measured time, once the world is there. */
  readonly seconds: number
  readonly pid: number
  readonly rpcUrl: string
  readonly redisUrl: string
  /** Under which the instances find each other. */
  readonly topic: string
  /** The ids of the first processes of both servers. */
  readonly redis: number
  readonly postmaster: number
}

/** What the rest of the world takes of the instance, beside what its own users do. */
export interface PresenceCost {
  /** Memory, in bytes. */
  readonly bytes: number
  /** Parts of one core. */
  readonly cores: number
  /** The same with nobody online elsewhere; already taken off above. */
  readonly idleCores: number
  /** Parts of one core of Redis, for all instances together. */
  readonly redisCores: number
  /** Bytes per second that Redis sends, to all instances together. */
  readonly bytesPerSecond: number
}
