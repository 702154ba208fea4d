import { clusterTime, processTime } from '../cpu.ts'

/** Processes whose CPU time is counted, by the ids of the first process of each. */
export interface Watched {
  readonly instances: readonly number[]
  readonly postmaster: number
  readonly redis: number
}

/** Parts of one core that were in use, on the average; of this process as the load. */
export interface Usage {
  readonly seconds: number
  readonly instances: readonly number[]
  readonly postgres: number
  readonly redis: number
  readonly load: number
}

/** Counts the CPU time of everything that takes part, from the moment when it is made. */
export class Meter {
  readonly #watched: Watched
  readonly #from = performance.now()
  readonly #before: readonly number[]

  constructor(watched: Watched) {
    this.#watched = watched
    this.#before = this.#times()
  }

  /** What was used since it was made. */
  read(): Usage {
    const elapsed = performance.now() - this.#from
    const [postgres = 0, redis = 0, load = 0, ...instances] = this.#times().map(
      (time, at) => (time - this.#before[at]!) / elapsed
    )
    return { seconds: elapsed / 1000, instances, postgres, redis, load }
  }

  /** In milliseconds. */
  #times(): number[] {
    const { instances, postmaster, redis } = this.#watched
    return [clusterTime(postmaster), ...[redis, process.pid, ...instances].map(processTime)]
  }
}
