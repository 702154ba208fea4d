import { beforeAll, expect, it } from 'vitest'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshDataDir, freshPostgres } from '../env/databases.ts'
import { createKey, keysCommand } from '../env/keys.ts'
import { Rest } from '../env/rest.ts'

describeWithPostgres('social-service keys', () => {
  let settings: Record<string, string>
  beforeAll(async () => {
    settings = { DATABASE_URL: await freshPostgres(), LOG_LEVEL: 'debug' }
  })

  it('makes a key that is alone on standard output, with what to do beside it', async () => {
    expect((await keysCommand(settings, 'list')).stdout).toBe('There are no keys.\n')
    const { stdout, stderr } = await keysCommand(settings, 'create', '--name', 'gate', '--scope', 'settings:read')
    expect(stdout).toMatch(/^dcl_social_[\da-f]{12}_[\w-]{43}\n$/)
    const [, , id = ''] = stdout.split('_')
    expect(stderr).toContain('Authorization: Bearer <key>')
    expect(stderr).toContain(`keys revoke ${id}`)
    expect(stderr).not.toContain(stdout.trim())

    const listed = (await keysCommand(settings, 'list')).stdout
    expect(listed).toContain(`${id}  gate  settings:read`)
    expect(listed).not.toContain(stdout.trim())
    // Whoever finds a key where it should not be has it whole.
    expect((await keysCommand(settings, 'revoke', stdout.trim())).stdout).toBe(`Revoked: ${id}, gate.\n`)
    expect((await keysCommand(settings, 'list')).stdout).toBe('There are no keys.\n')
  })

  it.each([
    [['create', '--name', 'x'], 2, '--scope <scope>[,<scope>…] is missing'],
    [['create', '--name', 'x', '--scope', 'all'], 1, 'There is no scope "all": the scopes are settings:read'],
    [['revoke', 'none'], 1, 'There is no key "none"']
  ])('says what is wrong with %j', async (args, code, why) => {
    await expect(keysCommand(settings, ...args)).rejects.toMatchObject({ code, stderr: expect.stringContaining(why) })
  })
})

it('says that an embedded database is in use, while the service runs on it', async () => {
  await using folder = await freshDataDir()
  const settings = { DATA_DIR: folder.path }
  const key = await createKey(settings, 'friends:read')
  await using env = await Env.start(settings)
  const rest = new Rest(env.app.httpUrl, key)
  expect((await rest.get(`/v1/users/0x${'0'.repeat(40)}/friends`)).status).toBe(200)
  await expect(keysCommand(settings, 'list')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is in use by process')
  })
})
