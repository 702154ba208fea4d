import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withLock } from './lock.ts'

const CACHE = fileURLToPath(new URL('../../.cache/', import.meta.url))
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10']
const CAN_INSTALL = 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))'

/** Longest time of an installation, in milliseconds. It takes 30 s where the packages are near. */
const INSTALL_TIMEOUT_MS = 600_000

const run = promisify(execFile)

/** Python packages that a test needs, and are installed beside each other. */
export interface PythonPackages {
  /** What the folder's name begins with. */
  readonly name: string
  /** The one whose version comes next. */
  readonly package: string
  /** The file that names each with its version. */
  readonly requirements: string
  /** What is done in the folder after the installation, before anybody sees it. */
  readonly prepare?: (home: string) => Promise<void>
  /** A text that changes when `prepare` does. */
  readonly recipe?: string
}

/** The interpreter of an installation, which has its packages. */
export const pythonIn = (home: string): string => join(home, 'bin', 'python')

/**
 * Installs packages in `.cache/`, unless they are there. Any number of processes may ask at one time: one installs, the
 * others wait, and what it made appears all at once.
 * @returns the folder
 * @throws Error when this machine has no Python 3.10 or newer, or cannot fetch the packages
 */
export async function ensurePython(packages: PythonPackages): Promise<string> {
  const { name, package: main, recipe = '' } = packages
  const requirements = await readFile(packages.requirements, 'utf8')
  const version = new RegExp(`^${main}==(\\S+)$`, 'm').exec(requirements)?.[1]
  const contents = createHash('sha256').update(requirements).update(recipe).digest('hex').slice(0, 8)
  const home = join(CACHE, `${name}-${version}-${contents}`)
  if (!existsSync(home)) {
    await mkdir(CACHE, { recursive: true })
    await withLock(`${home}.lock`, INSTALL_TIMEOUT_MS, async () => {
      if (!existsSync(home)) await install(home, packages)
    })
  }
  return home
}

async function install(home: string, { requirements, prepare }: PythonPackages): Promise<void> {
  const building = `${home}.${process.pid}`
  try {
    await run(await findPython(), ['-m', 'venv', building])
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '-r', requirements]
    await run(pythonIn(building), pip, { timeout: INSTALL_TIMEOUT_MS })
    await prepare?.(building)
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
  throw new Error('It needs Python 3.10 or newer with the modules venv and ensurepip')
}
