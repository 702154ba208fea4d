import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig, readConfig } from '../../src/config/config.ts'

function issuesOf(read: () => unknown): string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n  ').slice(1)
    throw error
  }
  return []
}

describe('a variable that no setting has', () => {
  test.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['HTTP_PROT', 'HTTP_PORT'],
    ['SYNAPS_URL', 'SYNAPSE_URL'],
    ['MATRIX_HS_TOKN', 'MATRIX_HS_TOKEN'],
    ['MAX_CONNECTION_PER_USER', 'MAX_CONNECTIONS_PER_USER']
  ])('%s is taken for a mistake, and its value is not shown', (name, meant) => {
    expect(issuesOf(() => readConfig({ [name]: 's3cr3t' }))).toEqual([
      `${name} is no setting of this service: did you mean ${meant}?`
    ])
  })

  test.each(['MATRIX_PASSWORD', 'REDIS_PASSWORD', 'DATABASE_NAME', 'MAX_ENEMIES', 'CATALYST_KEY'])(
    '%s begins like one of ours, and is a mistake too',
    name => {
      expect(issuesOf(() => readConfig({ [name]: 'x' }))).toEqual([
        `${name} is no setting of this service, though it begins like one: unset it`
      ])
    }
  )

  test('belongs to another program otherwise', () => {
    const env = {
      HOME: '/root',
      HOSTNAME: 'a',
      HOSTS: 'a',
      HTTP_PROXY: 'http://proxy',
      http_proxy: 'http://proxy',
      HTTPS_PORT: '443',
      GRPC_PORT: '9000',
      PORT: '80',
      NODE_OPTIONS: '--max-old-space-size=512',
      LOG_FILE: 'x',
      DB_PORT_5432_TCP_ADDR: '10.0.0.1',
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
      REDIS_SERVICE_HOST: '10.0.0.1',
      REDIS_SERVICE_PORT: '6379',
      REDIS_SERVICE_PORT_REDIS: '6379',
      DATABASE_PORT_5432_TCP: 'tcp://10.0.0.1:5432',
      MATRIX_NOTHING: ''
    }
    expect(issuesOf(() => readConfig(env))).toEqual([])
    expect(issuesOf(() => readConfig({ REDIS_PORT: '6379' }))).toHaveLength(1)
  })
})

describe('the embedded database', () => {
  test.each(['zone', 'org'])('has to be asked for in %s', environment => {
    expect(issuesOf(() => readConfig({ ENVIRONMENT: environment }))).toEqual([
      `DATABASE_URL must be a URL that starts with postgres:// or postgresql://, because ENVIRONMENT is ${environment}, but is not set; for an embedded database in ./data set ALLOW_EMBEDDED_DATABASE=true`
    ])
    expect(issuesOf(() => readConfig({ ENVIRONMENT: environment, DB_HOST: 'db' }))).toEqual([])
    expect(issuesOf(() => readConfig({ ENVIRONMENT: environment, ALLOW_EMBEDDED_DATABASE: 'true' }))).toEqual([])
  })
})

describe('a file .env', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  const file = join(folder, '.env')
  afterAll(() => rmSync(folder, { recursive: true }))
  const load = (bytes: Buffer) => {
    writeFileSync(file, bytes)
    return loadConfig(file)
  }
  const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

  test.each([
    ['UTF-8', Buffer.from('MAX_FRIENDS=7\n')],
    ['UTF-8 with a mark', Buffer.from('\uFEFFMAX_FRIENDS=7\r\n')],
    ['UTF-16 of Windows', Buffer.from('\uFEFFMAX_FRIENDS=7\r\n', 'utf16le')],
    ['UTF-16 in the other order', utf16be('\uFEFFMAX_FRIENDS=7\n')]
  ])('is read in %s', (_, bytes) => {
    expect(load(bytes).limits.maxFriends).toBe(7)
  })

  test.each([
    ['UTF-16 without a mark', Buffer.from('MAX_FRIENDS=7\n', 'utf16le')],
    ['Latin 1', Buffer.from('DB_PASSWORD=\xfcber\n', 'latin1')],
    ['no text at all', Buffer.from([0, 1, 2, 0xff])]
  ])('in %s is refused', (_, bytes) => {
    expect(issuesOf(() => load(bytes))).toEqual([`${file} must be text in UTF-8, but is not: save it as UTF-8`])
  })

  test('with a setting without an equals sign is refused, and its value is not shown', () => {
    expect(issuesOf(() => load(Buffer.from('# social\nDATABASE_URL postgres://app:s3cr3t@db/social\n')))).toEqual([
      `${file} must have lines such as DATABASE_URL=value, but line 2 has no =`
    ])
    expect(load(Buffer.from('MAX_FRIENDS: 7\nexport HTTP_PORT = 81\n')).limits.maxFriends).toBe(7)
    expect(load(Buffer.from('OTHER_TEXT="one\nHTTP_PORT two\n"\n')).httpPort).toBe(5000)
  })

  test('with a mistake in a name is refused', () => {
    expect(issuesOf(() => load(Buffer.from('DATABSE_URL=postgres://db/social\n')))).toEqual([
      'DATABSE_URL is no setting of this service: did you mean DATABASE_URL?'
    ])
  })
})
