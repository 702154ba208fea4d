import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatPath, parsePath } from '../../../src/matrix/proxy/path.ts'
import { isAwaitedByLogout, matchRoute } from '../../../src/matrix/proxy/route.ts'
import { ROUTES, SESSION_ROUTES } from '../../../src/matrix/proxy/routes.ts'

const PREFIXES = ['r0', 'v3', 'v1', 'unstable', 'api/v1'].map(version => `/_matrix/client/${version}`)

describe('a path', () => {
  const read = (url: string) => parsePath(url)?.parts

  test('is read in parts, each decoded once', () => {
    expect(parsePath('/_matrix/client/v3/join/%23a%2Bb%3Ahost?x=/y')).toEqual({
      prefix: 'client/v3',
      parts: ['join', '#a+b:host']
    })
    expect(read('/_matrix/client/api/v1/%72ooms/!r%3Ah/state/t/')).toEqual(['rooms', '!r:h', 'state', 't', ''])
    expect(read('/%5Fmatrix/media/r0/upload')).toEqual(['upload'])
    expect(read('/_matrix/client/versions')).toEqual(['versions'])
  })

  test.each([
    '/_matrix/client/v3/rooms/a%2Fb/state',
    '/_matrix/client/v3/rooms/a%252Fb/state',
    '/_matrix/client/v3/rooms/../state',
    '/_matrix/client/v3/rooms/%2e%2E/state',
    '/_matrix/client/v3/rooms/%252e%252e/state',
    '/_matrix/client/v3/rooms/./state',
    '/_matrix/client/v3/rooms/a\\b/state',
    '/_matrix/client/v3/rooms/a%5Cb/state',
    '/_matrix/client/v3/rooms/a%00/state',
    '/_matrix/client/v3/rooms/a%0d%0aX-Y: z/state',
    '/_matrix/client/v3/rooms//state',
    '/_matrix//client/v3/sync',
    '//_matrix/client/v3/sync',
    '/_matrix/client/v3/%',
    '/_matrix/client/v3/%ff',
    '/_MATRIX/client/v3/sync',
    '/_matrix/federation/v1/version',
    '/_matrix/key/v2/server',
    '/_synapse/admin/v1/users',
    '/_matrix/client/v3/../../../_synapse/admin/v1/users',
    `/_matrix/client/v3${'/a'.repeat(50)}`,
    'http://localhost/_matrix/client/v3/sync',
    ''
  ])('that is in no way plain is none: %s', url => {
    expect(parsePath(url)).toBeNull()
  })

  test('is written as it was read, and means the same', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        fc.constantFrom('client/v3', 'media/v1'),
        fc.array(part, { minLength: 1, maxLength: 6 }),
        (prefix, parts) => {
          const path = parsePath(`/_matrix/${prefix}/${parts.map(encodeURIComponent).join('/')}`)
          if (path) expect(parsePath(formatPath(path))).toEqual({ prefix, parts })
          else expect(parts.some(text => /[/\\\p{Cc}]|^\.{1,2}$|%2f|%5c|%2e|%00/iu.test(text))).toBe(true)
        }
      )
    )
  })
})

describe('the list', () => {
  const isServed = (method: string, url: string, routes = ROUTES): boolean => {
    const path = parsePath(url)
    return path !== null && matchRoute(routes, method, path) !== null
  }

  test.each(PREFIXES)('is the same under %s', prefix => {
    expect(isServed('GET', `${prefix}/sync`)).toBe(true)
    expect(isServed('PUT', `${prefix}/rooms/!r:h/send/m.room.message/t`)).toBe(true)
    expect(isServed('POST', `${prefix}/rooms/!r:h/send/m.room.message`)).toBe(true)
    expect(isServed('PUT', `${prefix}/rooms/!r:h/state/m.room.name/`)).toBe(true)
  })

  test.each([
    ['POST', '/register'],
    ['GET', '/register/available'],
    ['POST', '/login'],
    ['POST', '/logout'],
    ['POST', '/account/password'],
    ['POST', '/account/deactivate'],
    ['GET', '/devices'],
    ['DELETE', '/devices/D'],
    ['POST', '/delete_devices'],
    ['DELETE', '/directory/room/%23a%3Ah'],
    ['PUT', '/directory/list/room/!r:h'],
    ['POST', '/rooms/!r:h/forget'],
    ['POST', '/rooms/!r:h/kick'],
    ['POST', '/rooms/!r:h/ban'],
    ['PUT', '/rooms/!r:h/redact/$e/t'],
    ['POST', '/search'],
    ['GET', '/admin/whois/@a:h'],
    ['POST', '/user/@a:h/openid/request_token'],
    ['PUT', '/sendToDevice/m.x/t'],
    ['POST', '/keys/upload'],
    ['GET', '/sync/'],
    ['POST', '/sync'],
    ['GET', '/SYNC'],
    ['GET', '/../V3/sync'],
    ['GET', '/../v2/sync'],
    ['GET', '/../sync'],
    ['GET', '/sync;x'],
    ['HEAD', '/sync'],
    ['PATCH', '/sync']
  ])('does not have %s %s', (method, path) => {
    for (const prefix of PREFIXES) expect(isServed(method, prefix + path)).toBe(false)
  })

  test('has logins only where the homeserver checks them', () => {
    for (const path of ['/login', '/logout', '/logout/all']) {
      expect(isServed('POST', `/_matrix/client/v3${path}`, SESSION_ROUTES)).toBe(true)
    }
  })
})

test('a logout lets everything finish but long polls and other logouts', () => {
  const others = [...SESSION_ROUTES, ...ROUTES].filter(route => !isAwaitedByLogout(route))
  const paths = others.map(({ segments }) => segments.join('/'))
  expect(paths.toSorted()).toEqual(['logout', 'logout/all', 'sync'])
})
