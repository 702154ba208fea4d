import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { type Config, ConfigError, loadConfig, readConfig } from '../../src/config/config.ts'
import { SETTINGS } from '../../src/config/settings.ts'

describe('environments', () => {
  test('nothing set is a service for a laptop', () => {
    expect(readConfig({})).toMatchObject({
      environment: 'local',
      serverName: 'localhost',
      publicHttpUrl: 'http://localhost:5000',
      publicRpcUrl: 'ws://localhost:8085',
      host: '0.0.0.0',
      database: { url: null, poolSize: 20 },
      dataDir: './data',
      redisUrl: null,
      ethereum: null,
      catalyst: null,
      metricsToken: null,
      matrix: null,
      tokens: { lifetimeMs: 30 * 86_400_000 },
      http: { bodyLimitBytes: 65_536, corsOrigins: '*' },
      trustedProxies: [],
      warnings: []
    })
  })

  test.each([
    ['zone', 'sepolia'],
    ['org', 'mainnet']
  ])('%s brings its whole world', (environment, network) => {
    expect(readConfig({ ENVIRONMENT: environment, DATABASE_URL: 'postgres://db/social' })).toMatchObject({
      environment,
      serverName: `decentraland.${environment}`,
      publicHttpUrl: `https://social.decentraland.${environment}`,
      publicRpcUrl: `wss://rpc-social-service.decentraland.${environment}`,
      ethereum: { rpcUrl: `https://rpc.decentraland.org/${network}?project=social-service`, timeoutMs: 5000 },
      catalyst: { url: `https://peer.decentraland.${environment}`, timeoutMs: 2000 }
    })
  })

  test('each value of an environment can be overridden', () => {
    const config = readConfig({
      ENVIRONMENT: 'org',
      ALLOW_EMBEDDED_DATABASE: 'true',
      SERVER_NAME: 'example.org:8448',
      PUBLIC_HTTP_URL: 'https://example.org/social/',
      PUBLIC_RPC_URL: 'wss://rpc.example.org',
      ETHEREUM_RPC_URL: 'https://node.example.org/v3/key?x=1',
      CATALYST_URL: 'http://10.0.0.7:6969'
    })
    expect(config).toMatchObject({
      environment: 'org',
      serverName: 'example.org:8448',
      publicHttpUrl: 'https://example.org/social',
      publicRpcUrl: 'wss://rpc.example.org',
      ethereum: { rpcUrl: 'https://node.example.org/v3/key?x=1' },
      catalyst: { url: 'http://10.0.0.7:6969' }
    })
  })

  test('local URLs follow the ports, and wait for a port that is still to be chosen', () => {
    const { publicHttpUrl, publicRpcUrl } = readConfig({ HTTP_PORT: '8080', RPC_PORT: '0' })
    expect(publicHttpUrl).toBe('http://localhost:8080')
    expect(publicRpcUrl).toBeNull()
  })
})

describe('values', () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
  const longest = 3650 * units.d

  test('durations come in every unit and are held in milliseconds', () => {
    const written = fc.tuple(fc.nat(1_000_000_000), fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])))
    fc.assert(
      fc.property(written, ([count, unit]) => {
        const milliseconds = count * units[unit]
        const read = (): number => readConfig({ TOKEN_LIFETIME: `${count}${unit}` }).tokens.lifetimeMs
        if (milliseconds >= 1000 && milliseconds <= longest) expect(read()).toBe(milliseconds)
        else expect(read).toThrow(`TOKEN_LIFETIME must be a duration from 1s to 3650d, but is "${count}${unit}"`)
      })
    )
    expect(readConfig({ TOKEN_LIFETIME: '90' }).tokens.lifetimeMs).toBe(90_000)
  })

  test('sizes come in every unit and are held in bytes', () => {
    const bytesOf = (text: string): number => readConfig({ MAX_FRAME_SIZE: text }).rpc.maxFrameBytes
    const suffixes = { '': 1, b: 1, kb: 1024, KiB: 1024, MB: 1_048_576, ' mib': 1_048_576 }
    const written = fc.tuple(fc.nat(20_000), fc.constantFrom(...Object.entries(suffixes)))
    fc.assert(
      fc.property(written, ([count, [suffix, factor]]) => {
        const bytes = count * factor
        if (bytes >= 1024 && bytes <= 16 * 1_048_576) expect(bytesOf(`${count}${suffix}`)).toBe(bytes)
        else expect(() => bytesOf(`${count}${suffix}`)).toThrow('MAX_FRAME_SIZE must be a size from 1kb to 16mb')
      })
    )
  })

  test('whatever a variable holds, it is read or reported, never anything else', () => {
    const anything = fc.dictionary(
      fc.constantFrom(...Object.keys(SETTINGS)),
      fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom('1', '10m', '64kb', 'org', '*', '%', '-1', '1e3', 'NaN'))
    )
    fc.assert(
      fc.property(anything, env => {
        try {
          expect(Object.isFrozen(readConfig(env))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      })
    )
  })

  test('an empty variable is unset, space around a value does not count, and strangers are ignored', () => {
    expect(readConfig({ HTTP_PORT: '', RPC_PORT: '  ', LOG_LEVEL: ' warn\n', PATH: '/bin' })).toMatchObject({
      httpPort: 5000,
      rpcPort: 8085,
      log: { level: 'warn', format: 'auto' }
    })
  })

  test('lists of origins and of proxies', () => {
    const config = readConfig({
      CORS_ORIGINS: 'https://play.decentraland.org, http://localhost:3000/,',
      TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7,::1, fd00::/8'
    })
    expect(config.http.corsOrigins).toEqual(['https://play.decentraland.org', 'http://localhost:3000'])
    expect(config.trustedProxies).toEqual(['10.0.0.0/8', '192.0.2.7', '::1', 'fd00::/8'])
  })

  test('the configuration is frozen to the last part', () => {
    const config = readConfig({ TRUSTED_PROXIES: '::1', MATRIX_MODE: 'passthrough', SYNAPSE_URL: 'http://hs' })
    const thaw = (value: object): string[] =>
      Object.entries(value).flatMap(([name, part]) =>
        typeof part === 'object' && part !== null ? [...(Object.isFrozen(part) ? [] : [name]), ...thaw(part)] : []
      )
    expect(Object.isFrozen(config)).toBe(true)
    expect(thaw(config)).toEqual([])
  })
})

describe('the variables of the first implementation', () => {
  test('name its database, whatever the password is made of', () => {
    const password = fc.string({ minLength: 1 }).filter(text => text.trim() === text && text !== '')
    fc.assert(
      fc.property(password, DB_PASSWORD => {
        const { database } = readConfig({
          DB_HOST: 'db.internal:6432',
          DB_USER: 'us@er',
          DB_PASSWORD,
          DB_NAME: 'social'
        })
        const client = new pg.Client({ connectionString: database.url ?? '' })
        expect(client).toMatchObject({ host: 'db.internal', port: 6432, user: 'us@er', database: 'social' })
        expect(client.password).toBe(DB_PASSWORD)
      })
    )
  })

  test('name its database with what was left out as it was then', () => {
    expect(readConfig({ DB_HOST: 'db' }).database.url).toBe('postgres://postgres@db/social_service')
  })

  test('give way to DATABASE_URL and REDIS_URL, with a word about it', () => {
    const config = readConfig({
      DATABASE_URL: 'postgresql://me@here/mine',
      DB_HOST: 'there',
      DB_PASSWORD: 's3cr3t',
      REDIS_URL: 'rediss://cache:6380',
      REDIS_HOST: 'there'
    })
    expect(config.database.url).toBe('postgresql://me@here/mine')
    expect(config.redisUrl).toBe('rediss://cache:6380')
    expect(config.warnings).toEqual([
      'DB_HOST has no effect, because DATABASE_URL is set',
      'DB_PASSWORD has no effect, because DATABASE_URL is set',
      'REDIS_HOST has no effect, because REDIS_URL is set'
    ])
  })

  test('name Redis, the metrics token and the homeserver', () => {
    const config = readConfig({
      REDIS_HOST: 'cache:6380',
      WKC_METRICS_BEARER_TOKEN: 'old',
      SYNAPSE_URL: 'https://synapse.decentraland.org/',
      MATRIX_MODE: 'passthrough'
    })
    expect(config.redisUrl).toBe('redis://cache:6380')
    expect(config.metricsToken).toBe('old')
    expect(config.matrix).toMatchObject({
      mode: 'passthrough',
      homeserverUrl: 'https://synapse.decentraland.org',
      roomOn: 'request'
    })
  })

  test('lose against the name of today', () => {
    expect(readConfig({ WKC_METRICS_BEARER_TOKEN: 'old', METRICS_TOKEN: 'new' }).metricsToken).toBe('new')
  })

  test('may leave a homeserver over, which standalone mode does not use', () => {
    const config = readConfig({ SYNAPSE_URL: 'https://synapse.decentraland.org' })
    expect(config.matrix).toBeNull()
    expect(config.warnings).toEqual(['SYNAPSE_URL has no effect, because MATRIX_MODE is standalone'])
  })
})

test('the appservice mode has its secrets', () => {
  const key = 'k'.repeat(32)
  const env = {
    MATRIX_MODE: 'appservice',
    MATRIX_HOMESERVER_URL: 'http://synapse:8008',
    MATRIX_AS_TOKEN: 'as',
    MATRIX_HS_TOKEN: 'hs',
    MATRIX_TOKEN_KEY: key,
    MATRIX_ROOM_ON: 'accept'
  }
  const matrix: Config['matrix'] = readConfig(env).matrix
  expect(matrix).toEqual({
    mode: 'appservice',
    homeserverUrl: 'http://synapse:8008',
    roomOn: 'accept',
    allowPrivateRooms: false,
    timeoutMs: 30_000,
    asToken: 'as',
    hsToken: 'hs',
    tokenKey: key
  })
})

describe('the .env file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  afterEach(() => vi.unstubAllEnvs())
  afterAll(() => rmSync(folder, { recursive: true }))

  test('stands below the real environment, in which an empty variable hides nothing', () => {
    const file = join(folder, '.env')
    writeFileSync(file, 'HTTP_PORT=1111\nRPC_PORT="2222" # quoted\nMAX_FRIENDS=7\n')
    vi.stubEnv('HTTP_PORT', '3333')
    vi.stubEnv('RPC_PORT', '')
    expect(loadConfig(file)).toMatchObject({ httpPort: 3333, rpcPort: 2222, limits: { maxFriends: 7 } })
    expect(process.env['MAX_FRIENDS']).toBeUndefined()
  })

  test('may be missing, but not unreadable', () => {
    expect(loadConfig(join(folder, 'none')).limits.maxFriends).toBe(2000)
    expect(() => loadConfig(tmpdir())).toThrow('must be a file that can be read, but reading it failed with EISDIR')
  })
})

test('read replicas are those of a PostgreSQL, with the strict modes of TLS that it has', () => {
  const replica = { DATABASE_REPLICA_URL: 'postgres://a,b/social?sslmode=require', DATABASE_REPLICA_MAX_LAG: '5s' }
  expect(readConfig({ DATABASE_URL: 'postgres://db/social', ...replica }).replicas).toEqual({
    replicaUrl: 'postgres://a,b/social?sslmode=verify-full',
    maxLagMs: 5_000
  })
  const embedded = readConfig(replica)
  expect(embedded.replicas.replicaUrl).toBe(null)
  expect(embedded.warnings).toEqual(['DATABASE_REPLICA_URL has no effect, because the database is embedded'])
  expect(readConfig({ DATABASE_REPLICA_MAX_LAG: '5s' }).warnings).toEqual([
    'DATABASE_REPLICA_MAX_LAG has no effect, because DATABASE_REPLICA_URL is not set'
  ])
})
