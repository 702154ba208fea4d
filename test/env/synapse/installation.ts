import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withLock } from '../lock.ts'
import { filesIn, writeConfiguration } from './configuration.ts'

/** The folder of what Synapse loads from here. */
export const PYTHON_FILES = fileURLToPath(new URL('.', import.meta.url))

const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url))
const REQUIREMENTS = join(PYTHON_FILES, 'requirements.txt')
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10']
const CAN_INSTALL = 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))'

/**
 * Makes the tables, and does what Synapse would do in the background after its start: until that is done, which can take
 * a minute on a busy machine, new users may not be in its directory.
 */
const PREPARE = ['-m', 'synapse._scripts.update_synapse_database', '--run-background-updates', '--database-config']

/** Longest time of an installation, in milliseconds. It takes 30 s where the packages are near. */
const INSTALL_TIMEOUT_MS = 600_000

const run = promisify(execFile)

export interface Installation {
  /** The interpreter that has Synapse. */
  readonly python: string
  /** A database with all of its tables and nothing in them, to be copied: most of the time of a start goes into one. */
  readonly emptyDatabase: string
}

/**
 * Installs Synapse in `.cache/`, unless it is there. Any number of processes may ask at one time: one installs, the
 * others wait, and what it made appears all at once.
 * @throws Error when this machine has no Python 3.10 or newer, or cannot fetch the packages
 */
export async function ensureSynapse(): Promise<Installation> {
  const requirements = await readFile(REQUIREMENTS, 'utf8')
  const version = /^matrix-synapse==(\S+)$/m.exec(requirements)?.[1]
  const contents = createHash('sha256').update(requirements).update(PREPARE.join(' ')).digest('hex').slice(0, 8)
  const home = join(CACHE, `synapse-${version}-${contents}`)
  if (!existsSync(home)) {
    await mkdir(CACHE, { recursive: true })
    await withLock(`${home}.lock`, INSTALL_TIMEOUT_MS, async () => {
      if (!existsSync(home)) await install(home)
    })
  }
  return at(home)
}

const at = (home: string): Installation => ({
  python: join(home, 'bin', 'python'),
  emptyDatabase: join(home, 'empty', 'homeserver.db')
})

async function install(home: string): Promise<void> {
  const building = `${home}.${process.pid}`
  try {
    await run(await findPython(), ['-m', 'venv', building])
    const { python } = at(building)
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '-r', REQUIREMENTS]
    await run(python, pip, { timeout: INSTALL_TIMEOUT_MS })
    await makeEmptyDatabase(python, join(building, 'empty'))
    await rename(building, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

async function findPython(): Promise<string> {
  for (const python of PYTHONS) {
    const found = await run(python, ['-c', CAN_INSTALL]).then(
      () => true,
      () => false
    )
    if (found) return python
  }
  throw new Error('Synapse needs Python 3.10 or newer with the modules venv and ensurepip')
}

async function makeEmptyDatabase(python: string, dir: string): Promise<void> {
  const secrets = { asToken: 'none', hsToken: 'none', adminSecret: 'none' }
  await writeConfiguration(dir, { serverName: 'localhost', port: 1, ...secrets, modules: [], overrides: {} })
  const { configuration } = filesIn(dir)
  await run(python, [...PREPARE, configuration])
}
