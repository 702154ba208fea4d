import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { registrationYaml } from '../../../src/matrix/client/registration.ts'
import { freshFolder } from '../../env/databases.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const SETTINGS = {
  MATRIX_MODE: 'appservice',
  MATRIX_HOMESERVER_URL: 'http://homeserver:8008',
  MATRIX_AS_TOKEN: 'as-secret',
  MATRIX_HS_TOKEN: 'hs-secret',
  MATRIX_TOKEN_KEY: 'k'.repeat(32),
  SERVER_NAME: 'matrix.example.org'
}
const EXPECTED = registrationYaml({ serverName: 'matrix.example.org', asToken: 'as-secret', hsToken: 'hs-secret' })

function run(cwd: string, settings: Record<string, string>, ...options: string[]) {
  const args = ['--import', fileURLToPath(import.meta.resolve('tsx')), MAIN, 'matrix-registration', ...options]
  return promisify(execFile)(process.execPath, args, { cwd, env: { PATH: process.env['PATH'], ...settings } })
}

test('writes a file that nobody else can read, and says what to do with it', async () => {
  await using folder = await freshFolder()
  const { stdout } = await run(folder.path, SETTINGS)
  const file = join(folder.path, 'social-service.yaml')
  expect(stdout).toContain(file)
  expect(stdout).toContain('app_service_config_files')
  expect(stdout).not.toContain('secret')
  expect(await readFile(file, 'utf8')).toBe(EXPECTED)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('prints it where there is no place for a file', async () => {
  await using folder = await freshFolder()
  expect((await run(folder.path, SETTINGS, '--print')).stdout).toBe(EXPECTED)
})

test('says what is missing', async () => {
  await using folder = await freshFolder()
  await expect(run(folder.path, {})).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('MATRIX_MODE') })
  const incomplete = { ...SETTINGS, MATRIX_AS_TOKEN: '' }
  await expect(run(folder.path, incomplete)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('MATRIX_AS_TOKEN must be')
  })
})
