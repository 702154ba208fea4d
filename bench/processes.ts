import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/env/ports.ts'
import { until } from '../test/env/until.ts'
import type { Job, Measurement, Report } from './job.ts'

const SERVICE = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const LOAD = new URL('./load/main.ts', import.meta.url)

/** Limits that a few clients on one machine would reach: what they cost is measured, that they hold is not. */
const UNLIMITED = Object.fromEntries(
  [
    'MAX_CONNECTIONS_PER_IP',
    'FRAMES_PER_SECOND_PER_IP',
    'FRAMES_PER_SECOND_PER_CONNECTION',
    'CALLS_PER_SECOND',
    'MAX_REQUESTS_PER_USER',
    'ACTIONS_PER_MINUTE',
    'PAIR_ACTIONS_PER_MINUTE',
    'INCOMING_REQUESTS_PER_MINUTE',
    'LOGINS_PER_MINUTE',
    'REQUESTS_PER_SECOND_PER_KEY'
  ].map(name => [name, '1000000'])
)

interface ServiceOptions {
  readonly databaseUrl: string
  readonly connections: number
  readonly sockets: number
  /** Environment variables over those of every measurement. */
  readonly settings?: Readonly<Record<string, string>>
  /** The compiled service; that of the build unless given. */
  readonly program?: string
  /** Where a CPU profile goes, with its name, when one is wanted. */
  readonly profile?: { readonly folder: string; readonly name: string }
}

/** The service as an operator runs it: a process of its own, configured by its environment. */
export class Service implements AsyncDisposable {
  readonly httpUrl: string
  readonly rpcUrl: string
  readonly #options: ServiceOptions
  readonly #folder: string
  readonly #ports: { readonly http: number; readonly rpc: number }
  #process: ChildProcess

  private constructor(options: ServiceOptions, folder: string, ports: { http: number; rpc: number }) {
    this.httpUrl = `http://127.0.0.1:${ports.http}`
    this.rpcUrl = `ws://127.0.0.1:${ports.rpc}`
    this.#options = options
    this.#folder = folder
    this.#ports = ports
    this.#process = this.#spawn()
  }

  static async start(options: ServiceOptions): Promise<Service> {
    const folder = await mkdtemp(join(tmpdir(), 'social-bench-'))
    const service = new Service(options, folder, { http: await freePort(), rpc: await freePort() })
    try {
      await service.#untilReady()
    } catch (error) {
      await service[Symbol.asyncDispose]()
      throw error
    }
    return service
  }

  /** That of the process which runs at present. */
  get pid(): number {
    return this.#process.pid!
  }

  /** Whether its process is over, for whatever reason. */
  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** Ends its process in good order. */
  async stop(): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
  }

  /** After a stop: in a new process, where it was. */
  async startAgain(): Promise<void> {
    this.#process = this.#spawn()
    await this.#untilReady()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true })
  }

  #spawn(): ChildProcess {
    const { databaseUrl, connections, sockets, settings, profile, program = SERVICE } = this.#options
    const ownSettings = {
      HOST: '127.0.0.1',
      HTTP_PORT: String(this.#ports.http),
      RPC_PORT: String(this.#ports.rpc),
      DATABASE_URL: databaseUrl,
      DATABASE_POOL_SIZE: String(connections),
      MAX_CONNECTIONS: String(sockets + 1_000),
      BYTES_PER_SECOND_PER_IP: '1024mb',
      BYTES_PER_SECOND_PER_CONNECTION: '1024mb',
      ...UNLIMITED,
      LOG_LEVEL: 'warn',
      SHUTDOWN_GRACE: '2s'
    }
    const flags = profile ? ['--cpu-prof', `--cpu-prof-dir=${profile.folder}`, `--cpu-prof-name=${profile.name}`] : []
    const env = { PATH: process.env['PATH'], ...ownSettings, ...settings }
    // In a folder of its own, where no .env is read.
    return spawn(process.execPath, [...flags, program], {
      cwd: this.#folder,
      env,
      stdio: ['ignore', 'ignore', 'inherit']
    })
  }

  #untilReady(): Promise<void> {
    return until(() => this.#isReady(), 'the service is ready')
  }

  async #isReady(): Promise<boolean> {
    if (this.#process.exitCode !== null) throw new Error(`The service ended with ${this.#process.exitCode}`)
    return fetch(`${this.httpUrl}/health/ready`).then(
      ({ ok }) => ok,
      () => false
    )
  }
}

/** Has one instance measured by a process that does nothing else. @throws Error with what went wrong there; AbortError */
export function perform(job: Job, signal: AbortSignal): Promise<Measurement> {
  return performBy(LOAD, job, signal)
}

/**
 * Has a job done by a program of its own, which calls `runJob`.
 * @throws Error with what went wrong there; AbortError
 */
export async function performBy<Result>(
  program: URL,
  job: { readonly workload: string },
  signal: AbortSignal
): Promise<Result> {
  const child = fork(program)
  try {
    child.send(job)
    const ended = once(child, 'exit', { signal }).then(([code]) => ({ error: `It ended with ${code}` }))
    const reported = once(child, 'message', { signal }).then(([report]) => report as Report<Result>)
    const report = await Promise.race([reported, ended])
    if ('error' in report) throw new Error(`${job.workload}: ${report.error}`)
    return report.result
  } finally {
    child.kill()
  }
}
