import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Job, Measurement, WorkloadName } from './job.ts'
import type { Options } from './options.ts'
import { queryPlans } from './plans.ts'
import { perform, Service } from './processes.ts'
import type { Scenario } from './scenarios.ts'
import { seed } from './seed.ts'
import type { Row } from './table.ts'
import { worldOf } from './world.ts'

/** Scenarios on one database, each against a service of its own. */
export class Bench {
  readonly #options: Options
  readonly #databaseUrl: string
  readonly #postmaster: number
  readonly #signal: AbortSignal
  readonly #ceilings = new Map<WorkloadName, Measurement>()

  constructor(options: Options, databaseUrl: string, postmaster: number, signal: AbortSignal) {
    this.#options = options
    this.#databaseUrl = databaseUrl
    this.#postmaster = postmaster
    this.#signal = signal
  }

  /** Makes the tables by starting the service once, and fills them. */
  async prepare(): Promise<void> {
    const { rows, plans, profile } = this.#options
    if (profile) await mkdir(profile, { recursive: true })
    const service = await this.#startService()
    await service[Symbol.asyncDispose]()
    const from = performance.now()
    await seed(this.#databaseUrl, worldOf(this.#options))
    console.log(`${rows.toLocaleString('en')} friendships loaded in ${seconds(performance.now() - from)}`)
    if (plans) console.log(`\n${await queryPlans(this.#databaseUrl)}\n`)
  }

  /**
   * Runs a scenario against a service that was just started, and right after it the ceiling, once for all that share it.
   * @param round how often it was run before on this database
   */
  async run(scenario: Scenario, round = 0): Promise<Row> {
    const from = performance.now()
    await using service = await this.#startService(scenario)
    const job: Omit<Job, 'workload'> = {
      seconds: this.#options.seconds,
      size: this.#options,
      firstLane: round * this.#options.connections,
      watched: { server: service.pid, postmaster: this.#postmaster },
      urls: { http: service.httpUrl, rpc: service.rpcUrl, database: this.#databaseUrl }
    }
    const measured = await perform({ ...job, workload: scenario.workload }, this.#signal)
    const ceiling = scenario.ceiling ? await this.#ceiling({ ...job, workload: scenario.ceiling }) : null
    console.log(`${scenario.title}: done in ${seconds(performance.now() - from)}`)
    return { scenario, measured, ceiling }
  }

  async #ceiling(job: Job): Promise<Measurement> {
    const known = this.#ceilings.get(job.workload)
    if (known) return known
    const measured = await perform(job, this.#signal)
    this.#ceilings.set(job.workload, measured)
    return measured
  }

  #startService(scenario?: Scenario): Promise<Service> {
    const { connections, sockets, profile } = this.#options
    const options = { databaseUrl: this.#databaseUrl, connections, sockets }
    if (!profile || !scenario) return Service.start(options)
    return Service.start({ ...options, profile: { folder: resolve(profile), name: `${scenario.name}.cpuprofile` } })
  }
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
