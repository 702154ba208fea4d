import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ParamName } from '../../../src/matrix/proxy/route.ts'
import { ROUTES } from '../../../src/matrix/proxy/routes.ts'
import { FakeHomeserver, sendJson } from '../../env/fake-homeserver.ts'
import { MatrixEnv, type MatrixUser } from '../../env/matrix.ts'
import { newAddress } from '../homeserver.ts'

const PREFIXES = ['r0', 'v3', 'v1', 'unstable', 'api/v1'].map(version => `/_matrix/client/${version}`)

describe('a request, whatever it is', () => {
  let homeserver: FakeHomeserver
  let env: MatrixEnv
  let alice: MatrixUser
  const agent = new Agent({ keepAlive: true })

  beforeAll(async () => {
    homeserver = await FakeHomeserver.start()
    // Every room is that of two others: no rule about rooms lets anything of alice through.
    const alias = `#${[newAddress(), newAddress()].toSorted().join('+')}:localhost`
    homeserver.answer = ({ url = '' }, response) => {
      if (url.includes('/room_summary/')) sendJson(response, 200, { canonical_alias: alias, join_rule: 'invite' })
      else if (url.includes('/directory/room/')) sendJson(response, 200, { room_id: '!r:localhost', servers: [] })
      else sendJson(response, 200, { joined_rooms: [] })
    }
    env = await MatrixEnv.start(homeserver)
    alice = await env.login()
  })
  afterAll(async () => {
    agent.destroy()
    await env[Symbol.asyncDispose]()
    await homeserver[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    homeserver.received.length = 0
  })

  /** Sends a path as it is, which fetch would tidy up first. */
  async function ask(method: string, path: string): Promise<number> {
    const request = httpRequest({
      host: '127.0.0.1',
      port: new URL(env.env.app.httpUrl).port,
      method,
      path,
      agent,
      headers: { authorization: `Bearer ${alice.rest.token}`, 'content-type': 'application/json' }
    })
    request.end(method.startsWith('P') ? '{}' : undefined)
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'close')
    return response.statusCode
  }

  /** What came to the homeserver for this, but for what rules have looked up. */
  const passed = (method: string) =>
    homeserver.received.filter(({ url }) => {
      const isLookUp = url.includes('/v1/room_summary/') || /\/v3\/(joined_rooms$|directory\/room\/)/.test(url)
      return !isLookUp || (method === 'GET' && !url.includes('room_summary'))
    })

  // Written down apart from the table, and from the way in which it is read.
  const ID = '[\\w!@$#%.~+=-]+'
  const room = `rooms/!${ID}`
  const OPEN: Record<string, string[]> = {
    GET: [
      'sync',
      'joined_rooms',
      'publicRooms',
      'capabilities',
      'voip/turnServer',
      'pushrules(/global)?/?',
      `directory/room/${ID}`,
      `${room}/(state|members|joined_members|aliases|messages|threads)`,
      `${room}/state/${ID}(/(${ID})?)?`,
      `${room}/(context|event)/${ID}`,
      `${room}/relations/${ID}(/${ID}){0,2}`,
      `user/${ID}/filter/${ID}`,
      `user/${ID}/(rooms/${ID}/)?account_data/${ID}`,
      `profile/${ID}(/displayname|/avatar_url)?`,
      `presence/${ID}/status`,
      'media/config',
      `media/(download|thumbnail)/localhost/${ID}(/${ID})?`
    ],
    POST: [
      `${room}/leave`,
      `${room}/receipt/m.${ID}/${ID}`,
      `${room}/read_markers`,
      'publicRooms',
      `user/${ID}/filter`,
      'user_directory/search'
    ],
    PUT: [
      `${room}/leave/${ID}`,
      `${room}/typing/${ID}`,
      `user/${ID}/(rooms/${ID}/)?account_data/${ID}`,
      `profile/${ID}/(displayname|avatar_url)`
    ],
    DELETE: []
  }
  const MEDIA = [`(download|thumbnail)/localhost/${ID}(/${ID})?`, 'config', 'upload']

  function isOpen(method: string, url: string): boolean {
    const [path = ''] = url.split('?', 1)
    const client = /^\/_matrix\/client\/(?:r0|v3|v1|unstable|api\/v1)\/(.*)$/.exec(path)?.[1]
    const media = /^\/_matrix\/media\/(?:r0|v3|v1)\/(.*)$/.exec(path)?.[1]
    const patterns = client === undefined ? MEDIA : (OPEN[method] ?? [])
    const rest = client ?? media
    return (
      (path === '/_matrix/client/versions' && method === 'GET') ||
      patterns.some(pattern => rest !== undefined && new RegExp(`^${pattern}$`).test(rest))
    )
  }

  const EXAMPLES: Record<ParamName, string> = {
    roomId: '!r:localhost',
    roomIdOrAlias: '#a:localhost',
    alias: '#a:localhost',
    userId: '@a:localhost',
    eventId: '$e',
    eventType: 'm.room.message',
    stateKey: '@a:localhost',
    receiptType: 'm.read',
    relationType: 'm.annotation',
    txnId: 't1',
    dataType: 'm.direct',
    filterId: '0',
    serverName: 'localhost',
    mediaId: 'abc',
    fileName: 'a b.png'
  }
  const example = (name: ParamName) =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(EXAMPLES[name]) }, fc.constantFrom(...Object.values(EXAMPLES)))
  const known = fc.constantFrom(...ROUTES).chain(({ method, prefixes, segments }) => {
    const texts = segments.map(segment => (typeof segment === 'string' ? fc.constant(segment) : example(segment.param)))
    return fc
      .tuple(fc.constantFrom(...prefixes), fc.tuple(...texts))
      .map(([prefix, parts]) => ({ method, parts: ['', '_matrix', ...prefix.split('/'), ...parts] }))
  })
  const words = fc.constantFrom(
    ...'_matrix client media federation key r0 v1 v3 unstable api rooms send state invite join knock upgrade'.split(
      ' '
    ),
    ...'createRoom login account register admin sync _synapse m.room.member org.decentraland.friendship'.split(' '),
    ...['', '.', '..', '!r:localhost', '@a:localhost', '%2e', '%2F..%2F', '%252e%252e', '..;', '..%00', '\\..\\']
  )
  const unknown = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
    parts: fc.array(words, { minLength: 1, maxLength: 9 }).map(parts => ['', ...parts])
  })
  const ends = ['/', '//', '/.', '/..', '/../sync', '%2F', '%2f..', '%00', ';a=b', '?a=b', '#a', '\\', '%5c', '.']
  const trick = fc.oneof({ weight: 2, arbitrary: fc.constant('') }, fc.constantFrom(...ends))
  const spelling = fc.constantFrom<(text: string) => string>(
    text => text,
    text => text,
    encodeURIComponent,
    text => [...text].map(char => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join(''),
    text => text.replace(/[a-z]/, char => `%${char.charCodeAt(0).toString(16)}`),
    text => encodeURIComponent(encodeURIComponent(text)),
    text => text.toUpperCase(),
    text => `/${text}`,
    text => `../${text}`,
    text => `x/%2e%2e/${text}`
  )

  test('it is on the list and its rule was asked, or nothing reaches the homeserver', async () => {
    let reached = 0
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: unknown }),
        fc.array(spelling, { minLength: 12, maxLength: 12 }),
        fc.boolean(),
        trick,
        async ({ method, parts }, spellings, isPlain, end) => {
          homeserver.received.length = 0
          const spelt = parts.map((part, index) => (isPlain ? part : (spellings[index] ?? String)(part)))
          const path = spelt.join('/') + end
          if (!/^[!-~]+$/.test(path)) return
          const status = await ask(method, path)
          const all = passed(method)
          if (all.length === 0) {
            expect(status).toSatisfy((it: number) => (it >= 400 && it < 500) || isServedHere(path))
          } else {
            const [{ method: received, url } = { method: '', url: '' }] = all
            expect(all).toHaveLength(1)
            expect(received).toBe(method)
            expect(isOpen(method, url), url).toBe(true)
            reached += 1
          }
        }
      ),
      { numRuns: 1000 }
    )
    // It would also hold if nothing were ever let through.
    expect(reached).toBeGreaterThan(100)
  })

  /** What the service answers by itself, and how `HEAD` and the documentation come about. */
  const isServedHere = (path: string): boolean => /login|logout|whoami|^\/(docs|health|openapi)/i.test(decodeURI(path))

  test('has its rule called under every prefix, with and without a transaction id', async () => {
    const paths = [
      ['PUT', 'rooms/!r:localhost/send/m.room.message/t'],
      ['POST', 'rooms/!r:localhost/send/m.room.message'],
      ['POST', 'rooms/!r:localhost/invite'],
      ['PUT', 'rooms/!r:localhost/invite/t'],
      ['POST', 'rooms/!r:localhost/join'],
      ['PUT', 'rooms/!r:localhost/join/t'],
      ['POST', 'join/!r:localhost'],
      ['PUT', 'join/!r:localhost/t'],
      ['POST', 'join/%23alias:localhost'],
      ['POST', 'knock/!r:localhost'],
      ['POST', 'rooms/!r:localhost/knock'],
      ['POST', 'rooms/!r:localhost/upgrade'],
      ['PUT', 'directory/room/%23alias:localhost'],
      ['POST', 'createRoom'],
      ['PUT', 'createRoom/t'],
      ['PUT', 'rooms/!r:localhost/state/m.room.name'],
      ['PUT', 'rooms/!r:localhost/state/m.room.name/'],
      ['PUT', 'rooms/!r:localhost/state/m.room.canonical_alias/'],
      ['PUT', `rooms/!r:localhost/state/m.room.member/${alice.userId}`],
      ['PUT', 'rooms/!r:localhost/state/org.decentraland.friendship'],
      ['PUT', 'rooms/!r:localhost/state/org.decentraland.friendship/']
    ] as const
    for (const prefix of PREFIXES) {
      for (const [method, path] of paths) {
        const status = await ask(method, `${prefix}/${path}`)
        expect([status, path]).toEqual([expect.toSatisfy((it: number) => it === 403 || it === 400), path])
      }
    }
    expect(passed('PUT')).toEqual([])
  })
})
