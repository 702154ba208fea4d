import { chmod, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadConfig } from '../config.ts'
import { registrationYaml } from '../matrix/registration.ts'
import { adviceOn } from './serve.ts'

const FILE = 'social-service.yaml'

/** Prints the registration, instead of writing it to a file. */
export const PRINT = '--print'

/**
 * Writes the file that makes this service known to its homeserver, from the configuration that the service has.
 * @returns the exit code: 0, or 1 when the configuration is not that of an application service, or nothing can be written
 */
export async function matrixRegistration(options: ReadonlySet<string>): Promise<number> {
  try {
    const { matrix, serverName } = loadConfig()
    if (matrix?.mode !== 'appservice') {
      console.error('Only with MATRIX_MODE=appservice is the service known to a homeserver by a file.')
      return 1
    }
    const registration = registrationYaml({ ...matrix, serverName })
    if (options.has(PRINT)) console.log(registration.trimEnd())
    else await write(registration)
    return 0
  } catch (error) {
    const advice = adviceOn(error) ?? adviceOnFile(error)
    if (advice === null) throw error
    console.error(advice)
    return 1
  }
}

async function write(registration: string): Promise<void> {
  const path = resolve(FILE)
  // Who can read it can act as any user.
  await writeFile(path, registration, { mode: 0o600 })
  await chmod(path, 0o600)
  console.log(
    [
      `Written: ${path}`,
      'Put it where the homeserver can read it, name it in its configuration, and restart the homeserver:',
      '  app_service_config_files:',
      `    - /path/to/${FILE}`
    ].join('\n')
  )
}

function adviceOnFile(error: unknown): string | null {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EROFS' || code === 'EISDIR'
    ? `${resolve(FILE)} cannot be written (${code}): go elsewhere, or use "${PRINT}".`
    : null
}
