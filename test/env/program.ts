import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { withLock } from './lock.ts'
import { paced } from './pace.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Longest time in which the service is compiled on this machine, in milliseconds. */
const BUILD_MS = paced(120_000)

let built: Promise<void> | undefined

/**
 * Compiles the service, for the first test file of a run that wants it: compiled, it starts several times faster.
 * @returns its command
 */
export async function program(): Promise<readonly string[]> {
  const build = join(inject('runFolder'), 'build')
  built ??= withLock(`${build}.lock`, BUILD_MS, async () => {
    if (!existsSync(build)) await compile(build)
  })
  await built
  return [process.execPath, join(build, 'main.js')]
}

async function compile(build: string): Promise<void> {
  const draft = `${build}.draft`
  const options = ['-p', 'tsconfig.build.json', '--outDir', draft]
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), options, { cwd: ROOT })
  await rename(draft, build)
}
