import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import type { Definition } from '../../src/config/definition.ts'
import { SETTINGS } from '../../src/config/settings.ts'

function messageOf(env: Record<string, string>): string {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('The configuration was taken')
}

describe('issues', () => {
  test.each([
    ['CORS_ORIGINS', 'https://a.org/path'],
    ['CORS_ORIGINS', '*, https://a.org'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['HTTP_PORT', '65536'],
    ['HTTP_PORT', '0x50'],
    ['MAX_FRIENDS', '1.5'],
    ['PING_INTERVAL', '10 minutes'],
    ['CATALYST_URL', 'https://peer.decentraland.org?x=1'],
    ['CATALYST_URL', 'peer.decentraland.org'],
    ['PUBLIC_RPC_URL', 'https://rpc.decentraland.org'],
    ['SERVER_NAME', 'https://decentraland.org'],
    ['DB_HOST', 'db/name']
  ])('%s cannot be %s', (name, text) => {
    expect(messageOf({ [name]: text })).toContain(`\n  ${name} must be `)
  })

  test('a database of the first implementation needs its host', () => {
    const message = messageOf({ DB_NAME: 'social' })
    expect(message).toContain('DB_HOST must be host or host:port, because DB_NAME is set, but is not set')
  })

  test('all of them are reported at once, a line each', () => {
    const message = messageOf({
      ENVIRONMENT: 'prod',
      HTTP_PORT: 'abc',
      PING_INTERVAL: '1w',
      MATRIX_MODE: 'appservice',
      MATRIX_ROOM_ON: 'never'
    })
    expect(message.split('\n')).toEqual([
      'The configuration cannot be used:',
      '  ENVIRONMENT must be one of local, zone, org, but is "prod"',
      '  HTTP_PORT must be a whole number from 0 to 65535, but is "abc"',
      '  PING_INTERVAL must be a duration from 10ms to 1h, but is "1w"',
      '  MATRIX_ROOM_ON must be one of request, accept, but is "never"',
      '  MATRIX_HOMESERVER_URL must be a URL that starts with http:// or https://, without user, query and fragment, because MATRIX_MODE is appservice, but is not set',
      '  MATRIX_AS_TOKEN must be text without white space, because MATRIX_MODE is appservice, but is not set',
      '  MATRIX_HS_TOKEN must be text without white space, because MATRIX_MODE is appservice, but is not set',
      '  MATRIX_TOKEN_KEY must be at least 32 characters without white space, because MATRIX_MODE is appservice, but is not set'
    ])
  })

  test('what is set but not valid is not reported as missing too', () => {
    expect(messageOf({ MATRIX_MODE: 'passthrough', SYNAPSE_URL: 'nonsense' }).split('\n')).toEqual([
      'The configuration cannot be used:',
      expect.stringMatching(/^ {2}SYNAPSE_URL must be a URL .*, but is "nonsense"$/)
    ])
  })

  const secrets = Object.entries<Definition>(SETTINGS).filter(([name, { secret }]) => secret && name !== 'DB_PASSWORD')

  test.each(secrets.map(([name]) => name))('%s is never shown', name => {
    const message = messageOf({ [name]: 'mysql://root:s3cr3t@db white space', MATRIX_MODE: 'standalone' })
    expect(message).toContain(`${name} must be`)
    expect(message).toContain('but is (hidden)')
    expect(message).not.toContain('s3cr3t')
  })

  test('an alias of a secret is as secret, and is called by the name that was used', () => {
    const message = messageOf({ WKC_METRICS_BEARER_TOKEN: 's3 cr3t' })
    expect(message).toContain('WKC_METRICS_BEARER_TOKEN must be text without white space, but is (hidden)')
  })

  test.each([
    ['CATALYST_URL', 'https://user:s3@cr3t@peer.decentraland.org', 'https://(hidden)@peer.decentraland.org'],
    [
      'CATALYST_URL',
      `https://user:${'s3cr3t'.repeat(50)}@peer.decentraland.org`,
      'https://(hidden)@peer.decentraland.org'
    ],
    ['CATALYST_URL', 'https://peer.decentraland.org/?token=s3cr3t#s3cr3t', 'https://peer.decentraland.org/?(hidden)'],
    ['CATALYST_URL', 'https://peer.decentraland.org/#s3cr3t', 'https://peer.decentraland.org/?(hidden)'],
    ['DB_HOST', 'root:s3cr3t@db.internal', '(hidden)@db.internal'],
    ['REDIS_HOST', 'redis://:s3cr3t@cache', 'redis://(hidden)@cache']
  ])('a password inside of %s is not shown either', (name, text, shown) => {
    const message = messageOf({ [name]: text })
    expect(message).toContain(`but is "${shown}"`)
    expect(message).not.toContain('cr3t')
  })

  test('what is shown of a value is short and on one line', () => {
    const message = messageOf({ LOG_LEVEL: `a\nb${'c'.repeat(10_000)}` })
    expect(message.split('\n')).toHaveLength(2)
    expect(message.length).toBeLessThan(300)
  })
})
