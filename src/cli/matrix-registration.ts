import { chmod, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { registrationYaml } from '../matrix/client/registration.ts'
import { reportUserError, UserError } from './user-error.ts'

const FILE = 'social-service.yaml'

/** Prints the registration, instead of writing it to a file. */
export const PRINT = '--print'

/**
 * Writes the file that makes this service known to its homeserver, from the configuration that the service has.
 * @returns the exit code: 0, or 1 when the configuration is not that of an application service, or nothing can be written
 */
export async function matrixRegistration(options: ReadonlySet<string>): Promise<number> {
  const code = await reportUserError(async () => {
    const { matrix, serverName } = loadConfig()
    if (matrix?.mode !== 'appservice') {
      throw new UserError('Only with MATRIX_MODE=appservice is the service known to a homeserver by a file.')
    }
    const registration = registrationYaml({ ...matrix, serverName })
    if (options.has(PRINT)) console.log(registration.trimEnd())
    else await write(registration)
    return 0
  })
  return code ?? 1
}

async function write(registration: string): Promise<void> {
  const path = resolve(FILE)
  // Who can read it can act as any user.
  await writeFile(path, registration, { mode: 0o600 }).catch(asUserError)
  await chmod(path, 0o600).catch(asUserError)
  console.log(
    [
      `Written: ${path}`,
      'Put it where the homeserver can read it, name it in its configuration, and restart the homeserver:',
      '  app_service_config_files:',
      `    - /path/to/${FILE}`
    ].join('\n')
  )
}

function asUserError(error: NodeJS.ErrnoException): never {
  const { code = '' } = error
  if (!['EACCES', 'EROFS', 'EISDIR'].includes(code)) throw error
  throw new UserError(`${resolve(FILE)} cannot be written (${code}): go elsewhere, or use "${PRINT}".`)
}
