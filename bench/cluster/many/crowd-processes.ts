import type { InstanceAccess } from '../job.ts'
import type { CrowdApi } from './crowd-api.ts'
import { CrowdProcess } from './crowd-process.ts'

/** Clients of one process: it may have 20,000 open files in many places. */
const CLIENTS_OF_PROCESS = 16_000
const MIN_PROCESSES = 2

/** All clients, in as many processes as that needs. */
export class CrowdProcesses implements Disposable {
  readonly #processes: readonly CrowdProcess[]

  constructor(clients: number, signal: AbortSignal) {
    const count = Math.max(MIN_PROCESSES, Math.ceil(clients / CLIENTS_OF_PROCESS))
    this.#processes = Array.from({ length: count }, () => new CrowdProcess(signal))
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid)
  }

  /** Clients that are connected and subscribed. */
  get here(): number {
    return this.#processes.reduce((sum, { here }) => sum + here, 0)
  }

  /** A part of the clients for each of them. */
  async prepare(total: number, friends: number, instances: readonly InstanceAccess[]): Promise<void> {
    const border = (at: number): number => Math.floor((at * total) / this.#processes.length)
    const urls = instances.map(({ rpc }) => rpc)
    const parts = this.#processes.map((_, at) => ({ urls, from: border(at), to: border(at + 1), total, friends }))
    await Promise.all(this.#processes.map((it, at) => it.ask('prepare', parts[at]!)))
  }

  /** All do their share of it. @param share what each of so many is asked for */
  askAll<Method extends keyof CrowdApi>(
    method: Method,
    share: (processes: number) => Parameters<CrowdApi[Method]>
  ): Promise<Awaited<ReturnType<CrowdApi[Method]>>[]> {
    return Promise.all(this.#processes.map(it => it.ask(method, ...share(this.#processes.length)))) as Promise<
      Awaited<ReturnType<CrowdApi[Method]>>[]
    >
  }

  [Symbol.dispose](): void {
    for (const it of this.#processes) it[Symbol.dispose]()
  }
}
