import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BUILD = join(ROOT, `.cache/build-${process.pid}`)

let built: Promise<unknown> | undefined

/** Compiles the service, once for each process of tests: compiled, it starts several times faster. @returns its command */
export async function program(): Promise<readonly string[]> {
  built ??= promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', BUILD], {
    cwd: ROOT
  })
  process.once('exit', () => rmSync(BUILD, { recursive: true, force: true }))
  await built
  return [process.execPath, join(BUILD, 'main.js')]
}
