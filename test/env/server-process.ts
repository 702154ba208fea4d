import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { until } from './until.ts'

/** The user that a program runs as, its folder, and variables beside those of this process. */
interface Surroundings {
  readonly uid?: number
  readonly gid?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Longest time in which a program has to start on an idle machine, in milliseconds. */
const START_MS = 90_000

/** A server program that a test starts, stops in every way, and starts again. */
export class ServerProcess {
  readonly #command: readonly string[]
  readonly #surroundings: Surroundings
  readonly #isReady: () => Promise<boolean>
  #child: ChildProcess | undefined
  #output = ''

  constructor(command: readonly string[], isReady: () => Promise<boolean>, surroundings: Surroundings = {}) {
    this.#command = command
    this.#isReady = isReady
    this.#surroundings = surroundings
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.#command
    const env = { ...process.env, ...this.#surroundings.env }
    const child = spawn(program, args, { ...this.#surroundings, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        this.#output = (this.#output + chunk).slice(-4000)
      })
    }
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}:\n${this.#output}`)
        return this.#isReady()
      },
      `${program} is ready`,
      START_MS
    )
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Undefined before its first start. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** What it printed last. */
  get output(): string {
    return this.#output
  }

  /** Ends it with a signal and waits until it has ended. @returns its exit code; null when the signal ended it */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = once(child, 'exit')
    child.kill(signal)
    const [code] = await ended
    return code
  }
}

/** A server of a test, in a process of its own. */
export abstract class TestServer {
  protected readonly process: ServerProcess

  protected constructor(process: ServerProcess) {
    this.process = process
  }

  /** Starts it again, on the same port, over the data that it kept, if it keeps any. */
  start(): Promise<void> {
    return this.process.start()
  }

  /** Keeps its connections and delivers nothing, and neither takes nor refuses new ones, until it is thawed. */
  freeze(): void {
    this.process.signal('SIGSTOP')
  }

  thaw(): void {
    this.process.signal('SIGCONT')
  }
}

/** The full path of the first program of that name in the folders, or null. */
export function findProgram(name: string, folders: readonly string[] = []): string | null {
  const path = (process.env['PATH'] ?? '').split(delimiter)
  return [...folders, ...path].map(folder => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
