import { setInterval } from 'node:timers'
import { clusterTime, endedChildrenTime, processTime } from '../../cpu.ts'
import { whole } from '../../markdown.ts'
import type { Servers } from '../instances.ts'
import { sum } from '../statistics.ts'
import type { Usage } from '../usage.ts'
import type { CrowdProcesses } from './crowd-processes.ts'

/** How often it is said how far a phase is, in milliseconds. */
const SAY_MS = 5_000

interface PhasesDeps {
  readonly servers: Servers
  /** Ids of the processes that run at present. */
  readonly instances: () => readonly number[]
  readonly crowd: CrowdProcesses
}

/** What is done one after the other, with what each of it takes. */
export class Phases {
  readonly #deps: PhasesDeps

  constructor(deps: PhasesDeps) {
    this.#deps = deps
  }

  /** Does it, and says meanwhile how far it is. @returns what was used, of all instances together */
  async run<Result>(name: string, work: () => Promise<Result>): Promise<{ result: Result; usage: Usage }> {
    const from = performance.now()
    const before = this.#times()
    const elapsed = (): string => `${((performance.now() - from) / 1000).toFixed(0)} s`
    const timer = setInterval(() => {
      console.log(`  ${name}: ${whole(this.#deps.crowd.here)} clients are there after ${elapsed()}`)
    }, SAY_MS)
    try {
      const result = await work()
      const ms = performance.now() - from
      const [instances = 0, postgres = 0, redis = 0, load = 0] = this.#times().map(
        (time, at) => (time - before[at]!) / ms
      )
      console.log(`${name}: done in ${elapsed()}`)
      return { result, usage: { seconds: ms / 1000, instances: [instances], postgres, redis, load } }
    } finally {
      clearInterval(timer)
    }
  }

  /** CPU time in milliseconds. Instances are started anew meanwhile: what ended ones have used counts too. */
  #times(): number[] {
    const { servers, instances, crowd } = this.#deps
    const running = sum(instances().map(processTime))
    return [
      running + endedChildrenTime(),
      clusterTime(servers.postmaster),
      processTime(servers.redis),
      sum(crowd.pids.map(processTime))
    ]
  }
}
