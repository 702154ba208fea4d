import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensurePython, pythonIn } from '../python.ts'
import { filesIn, writeConfiguration } from './configuration.ts'

/** The folder of what Synapse loads from here. */
export const PYTHON_FILES = fileURLToPath(new URL('.', import.meta.url))

/**
 * Makes the tables, and does what Synapse would do in the background after its start: until that is done, which can take
 * a minute on a busy machine, new users may not be in its directory.
 */
const PREPARE = ['-m', 'synapse._scripts.update_synapse_database', '--run-background-updates', '--database-config']

const run = promisify(execFile)

export interface Installation {
  /** The interpreter that has Synapse. */
  readonly python: string
  /** A database with all of its tables and nothing in them, to be copied: most of the time of a start goes into one. */
  readonly emptyDatabase: string
}

/**
 * Installs Synapse in `.cache/`, unless it is there.
 * @throws Error when this machine has no Python 3.10 or newer, or cannot fetch the packages
 */
export async function ensureSynapse(): Promise<Installation> {
  const home = await ensurePython({
    name: 'synapse',
    package: 'matrix-synapse',
    requirements: join(PYTHON_FILES, 'requirements.txt'),
    prepare: makeEmptyDatabase,
    recipe: PREPARE.join(' ')
  })
  return at(home)
}

const at = (home: string): Installation => ({
  python: pythonIn(home),
  emptyDatabase: join(home, 'empty', 'homeserver.db')
})

async function makeEmptyDatabase(home: string): Promise<void> {
  const secrets = { asToken: 'none', hsToken: 'none', adminSecret: 'none' }
  const dir = join(home, 'empty')
  await writeConfiguration(dir, { serverName: 'localhost', port: 1, ...secrets, modules: [], overrides: {} })
  const { configuration } = filesIn(dir)
  await run(at(home).python, [...PREPARE, configuration])
}
