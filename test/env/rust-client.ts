import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { paced } from './pace.ts'
import { findProgram } from './server-process.ts'
import { until } from './until.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TARGET = join(ROOT, '.cache/rust-client')

/** Longest time in which the client is fetched and compiled on this machine, in milliseconds. */
const BUILD_MS = paced(600_000)

const cargo = findProgram('cargo', [join(homedir(), '.cargo/bin')])
const protoc = findProgram('protoc')

/** The packages, by their names in Debian, without which there is no client in Rust. */
export function missingForRust(): string[] {
  return [...(cargo ? [] : ['cargo']), ...(protoc ? [] : ['protobuf-compiler'])]
}

/** As `describe`; skipped, which the end of the run says aloud, where nothing in Rust can be compiled. */
export const describeWithRust = describe.skipIf(missingForRust().length > 0)

/** Compiles the client, unless it was. @returns its program */
export async function buildRustClient(): Promise<string> {
  await promisify(execFile)(cargo ?? '', ['build', '--locked', '--quiet'], {
    cwd: join(ROOT, 'test/rust-client'),
    env: {
      ...process.env,
      CARGO_TARGET_DIR: TARGET,
      PROTOC: protoc ?? '',
      PROTOCOL: join(ROOT, 'node_modules/@dcl/protocol/proto')
    },
    timeout: BUILD_MS
  })
  return join(TARGET, 'debug/rust-client')
}

/** A client in Rust, in a process of its own. */
export class RustClient {
  /** What it said without having been given a command, oldest first. */
  readonly received: string[] = []
  readonly #answers: string[] = []
  readonly #child

  protected constructor(program: string, args: readonly string[], isReceived: RegExp) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface(this.#child.stdout).on('line', line => {
      if (isReceived.test(line)) this.received.push(line)
      else this.#answers.push(line)
    })
  }

  /** Gives it a command of test/rust-client/src. @returns what came of it, in words */
  async does(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`)
    return this.answer(command)
  }

  async leave(): Promise<void> {
    const left = once(this.#child, 'exit')
    this.#child.kill()
    await left
  }

  protected async answer(to: string): Promise<string> {
    await until(() => this.#answers.length > 0, `"${to.slice(0, 100)}" is answered`)
    return this.#answers.shift() ?? ''
  }
}

/** A user on the Rust client of protocol v1; `received` are the updates of friendships, in words. */
export class RustClientV1 extends RustClient {
  static async connect(program: string, rpcUrl: string, token: string): Promise<RustClientV1> {
    const client = new RustClientV1(program, ['v1', rpcUrl, token], /^update /)
    try {
      await client.answer('connected')
    } catch (error) {
      await client.leave()
      throw error
    }
    return client
  }
}
