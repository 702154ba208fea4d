import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'

const natsOf = (url: string) => readConfig({ PRESENCE_SOURCE: 'nats', NATS_URL: url }).presence.nats
const NOBODY = { user: null, password: null, token: null }

describe('the source of presence', () => {
  test('is sockets when nothing is set', () => {
    expect(readConfig({}).presence).toMatchObject({ source: 'sockets', nats: null })
  })

  test.each(['nats', 'both'])('needs NATS_URL when it is %s', source => {
    expect(() => readConfig({ PRESENCE_SOURCE: source })).toThrow(
      new RegExp(`^ {2}NATS_URL must be a URL .*, because PRESENCE_SOURCE is ${source}, but is not set$`, 'm')
    )
    const { presence, warnings } = readConfig({ PRESENCE_SOURCE: source, NATS_URL: 'nats:4222' })
    expect(presence).toMatchObject({ source, heartbeatTimeoutMs: 60_000, worldTimeoutMs: 43_200_000 })
    expect(warnings).toEqual([])
  })

  test('leaves NATS alone when it is sockets, and says so', () => {
    const { presence, warnings } = readConfig({ NATS_URL: 'nats:4222', PRESENCE_WORLD_TIMEOUT: '1h' })
    expect(presence.nats).toBeNull()
    expect(warnings).toEqual([
      'NATS_URL has no effect, because PRESENCE_SOURCE is sockets',
      'PRESENCE_WORLD_TIMEOUT has no effect, because PRESENCE_SOURCE is sockets'
    ])
  })
})

describe('the URL of NATS', () => {
  test.each([
    ['localhost:4222', { servers: ['localhost:4222'], isTls: false, ...NOBODY }],
    ['nats://one', { servers: ['one'], isTls: false, ...NOBODY }],
    ['tls://[::1]:4222/', { servers: ['[::1]:4222'], isTls: true, ...NOBODY }],
    [
      'nats://app:p%40ss%2Cw%3Ard@one:4222, two:4222',
      { servers: ['one:4222', 'two:4222'], isTls: false, user: 'app', password: 'p@ss,w:rd', token: null }
    ],
    [
      'nats://t0k3n@one:1,nats://t0k3n@two:2',
      { servers: ['one:1', 'two:2'], isTls: false, user: null, password: null, token: 't0k3n' }
    ],
    ['nats://app:100%@one', { servers: ['one'], isTls: false, user: 'app', password: '100%', token: null }]
  ])('is %s', (url, servers) => {
    expect(natsOf(url)).toEqual(servers)
  })

  test.each([
    'http://one:4222',
    'nats://',
    ',',
    'nats://one:99999',
    'nats://one/path',
    'nats://one?token=s3cr3t',
    'nats://app:s3cr3t@one,nats://other:s3cr3t@two',
    'one two'
  ])('is not %s, of which nothing is shown', url => {
    const read = () => natsOf(url)
    expect(read).toThrow(/NATS_URL must be a URL that starts with nats:\/\/ or tls:\/\/.*, but is \(hidden\)$/)
    expect(read).not.toThrow(/s3cr3t/)
  })
})
