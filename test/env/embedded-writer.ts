import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('./embedded-writer-program.ts', import.meta.url))

/** A process that has an embedded database open and writes to it. */
export interface Writer {
  readonly pid: number | undefined
  /** What the database has acknowledged: 1, 2, 3 … */
  readonly acknowledged: readonly number[]
  /** Ends it with SIGKILL. */
  kill(): Promise<void>
}

/** Resolves when the first writes are acknowledged. */
export async function startWriter(dataDir: string): Promise<Writer> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: number[] = []
  createInterface(child.stdout).on('line', line => acknowledged.push(Number(line)))
  const closed = once(child, 'close')
  await until(() => acknowledged.length > 10 || child.exitCode !== null, 'something is written')
  return {
    pid: child.pid,
    acknowledged,
    async kill() {
      child.kill('SIGKILL')
      await closed
    }
  }
}
