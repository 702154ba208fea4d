import { cpus } from 'node:os'
import { mainThreadTime } from '../cpu.ts'

/** What is as busy as this is what the rest waits for. */
const FULL = 0.9

/** Finds what bounds the work of an instance, from the moment when it is made. */
export class Bottleneck {
  readonly #pid: number
  readonly #from = performance.now()
  readonly #thread: number
  readonly #machine = busyTime()

  constructor(pid: number) {
    this.#pid = pid
    this.#thread = mainThreadTime(pid)
  }

  /** In words. */
  read(): string {
    const ms = performance.now() - this.#from
    const thread = (mainThreadTime(this.#pid) - this.#thread) / ms
    const cores = cpus().length
    const machine = (busyTime() - this.#machine) / ms / cores
    const isThread = thread >= FULL
    const names = [...(isThread ? ['the event loop of the instance'] : []), ...(machine >= FULL ? ['the machine'] : [])]
    const percent = (part: number): string => `${(part * 100).toFixed(0)} %`
    const found = names.join(' and ') || 'neither: it waits'
    return `${found} (event loop ${percent(thread)} busy, ${cores} cores of the machine ${percent(machine)})`
  }
}

/** CPU time that was used on this machine, by whomever, in milliseconds. */
function busyTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
}
