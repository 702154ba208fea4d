import { beforeEach, describe, expect, test } from 'vitest'
import { type Received, sendJson } from '../../env/fake-homeserver.ts'
import { CLIENT, part } from '../../env/matrix.ts'
import { startWithFakeHomeserver } from './fake-homeserver-env.ts'

/** What a client could say to be taken for somebody else, or to have a request read in two ways. */
const { homeserver, env, alice } = await startWithFakeHomeserver()
beforeEach(() => {
  homeserver.answer = ({ url = '' }, response) =>
    sendJson(response, 200, url.endsWith('/joined_rooms') ? { joined_rooms: [] } : { well: true })
})

/** What came to the homeserver, but for what rules have looked up. */
const passed = (): Received[] => homeserver.received.filter(({ url }) => !url.endsWith('/v3/joined_rooms'))

/** What one request, as it goes over the wire, is answered. */
async function raw(lines: readonly string[], body = ''): Promise<string> {
  return env.rest.raw([...lines, 'Host: x', 'Connection: close', '', body].join('\r\n'))
}

describe('a client does not become somebody else', () => {
  const NAMES = [
    'user_id',
    'device_id',
    'org.matrix.msc3202.device_id',
    'org.matrix.msc3202.user_id',
    '%75ser_id',
    'user%5Fid',
    'USER_ID',
    'user_id[]',
    'user_id;',
    '%20user_id',
    'since=s1;user_id',
    'ts',
    'server_name',
    'via'
  ]
  test.each(NAMES)('by a query with %s', async name => {
    const query = `${name}=${part('@victim:localhost')}&${name}=x`
    for (const path of ['sync', 'joined_rooms', `rooms/!r:localhost/members`, `profile/${part(alice.userId)}`]) {
      await alice.rest.get(`${CLIENT}/${path}?${query}`)
    }
    await alice.rest.put(`${CLIENT}/user/${part(alice.userId)}/account_data/m.direct?${query}`, {})
    await alice.rest.post(`${CLIENT}/createRoom?${query}`, { preset: 'public_chat' })
    expect(homeserver.received.length).toBeGreaterThan(5)
    for (const { url, headers } of homeserver.received) {
      // Some servers take a semicolon for an ampersand.
      expect(url).not.toContain(';')
      const names = [...new URL(url, homeserver.url).searchParams.keys()]
      expect(names.filter(it => it !== 'timeout' && it !== 'since')).toEqual([])
      expect(headers.authorization).toMatch(/^Bearer homeserver-token-\d+$/)
    }
  })

  test('by the token of the service, which is none of a client', async () => {
    const service = env.rest.as(homeserver.asToken)
    const path = `${CLIENT}/joined_rooms?user_id=${part(alice.userId)}`
    expect(await service.get(path)).toMatchObject({ status: 401, body: { errcode: 'M_UNKNOWN_TOKEN' } })
    expect((await env.rest.get(`${path}&access_token=${homeserver.asToken}`)).status).toBe(401)
    expect(passed()).toEqual([])
  })

  test('by two tokens, of which one counts here and the other there', async () => {
    const { token } = alice.rest
    const twice = await env.rest.get(`${CLIENT}/capabilities?access_token=${token}&access_token=x`)
    expect(twice).toMatchObject({ status: 401, body: { errcode: 'M_MISSING_TOKEN' } })
    expect(passed()).toEqual([])

    const get = `GET ${CLIENT}/capabilities?access_token=${homeserver.asToken} HTTP/1.1`
    const both = [`Authorization: Bearer ${token}`, `Authorization: Bearer ${homeserver.asToken}`]
    expect(await raw([get, ...both])).toMatch(/^HTTP\/1.1 (200|400)/)
    expect(await raw([get, ...both.toReversed()])).toMatch(/^HTTP\/1.1 40[01]/)
    for (const { url, headers } of passed()) {
      expect(url).toBe(`${CLIENT}/capabilities`)
      expect(headers.authorization).toMatch(/^Bearer homeserver-token-\d+$/)
    }
  })
})

describe('the body of a request', () => {
  const bodyOf = async (text: string, headers: Record<string, string> = {}) => {
    const { status } = await alice.rest.send('POST', `${CLIENT}/createRoom`, { text, headers })
    const [request, ...others] = passed()
    expect(others).toEqual([])
    return { status, request, sent: request && JSON.parse(request.body.toString()) }
  }

  test('is forwarded with the value that was checked when a key is there twice', async () => {
    const { sent, request } = await bodyOf(
      '{"preset": "private_chat", "preset": "public_chat", "name": "a", "n\\u0061me": "b"}'
    )
    expect(sent).toEqual({ preset: 'public_chat', name: 'b', invite: [], is_direct: false })
    expect(request?.body.toString().match(/"preset"/g)).toHaveLength(1)
  })

  test.each([
    'text/html',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16'
  ])('is read as JSON, and forwarded as such, whatever it calls itself: %s', async type => {
    const { status, sent, request } = await bodyOf('{"preset": "public_chat"}', {
      'content-type': type,
      'content-encoding': 'gzip'
    })
    expect([status, sent.preset]).toEqual([200, 'public_chat'])
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json' })
    expect(request?.headers).not.toHaveProperty('content-encoding')
  })

  test('is read without a mark of its byte order', async () => {
    expect((await bodyOf('\ufeff{"preset": "public_chat"}')).sent.preset).toBe('public_chat')
  })

  test.each([
    ['something behind it', '{"preset": "public_chat"}{}'],
    ['a comment', '{"preset": "public_chat"} // {}'],
    ['a number that is none', '{"preset": "public_chat", "name": NaN}'],
    ['a depth without end', '['.repeat(60_000)],
    ['a depth without end, in an object', `{"invite":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    ['a list in place of a text', '{"preset": ["public_chat"]}'],
    ['a name from within the language', '{"__proto__": {"preset": "public_chat"}, "constructor": 1}']
  ])('is refused with %s', async (_, text) => {
    const { status, request } = await bodyOf(text)
    expect([status, request]).toEqual([400, undefined])
    expect((await alice.rest.get(`${CLIENT}/capabilities`)).status).toBe(200)
  })

  test.each([
    ['two lengths', ['Content-Length: 2', 'Content-Length: 30']],
    ['a length and chunks', ['Content-Length: 2', 'Transfer-Encoding: chunked']],
    ['chunks that are not the last', ['Transfer-Encoding: chunked, identity']],
    ['chunks by another name', ['Transfer-Encoding: xchunked']],
    ['a header over two lines', ['X-A: b', ' Content-Length: 2']],
    ['a space before the colon', ['Content-Length : 2']],
    ['a length that is no number', ['Content-Length: +2']]
  ])('is refused when servers on the way could take it apart differently: %s', async (_, headers) => {
    const smuggled = `0\r\n\r\nGET /_synapse/admin/v1/users HTTP/1.1\r\nHost: x\r\n\r\n`
    const put = `PUT ${CLIENT}/user/${part(alice.userId)}/account_data/m.direct HTTP/1.1`
    const answer = await raw([put, `Authorization: Bearer ${alice.rest.token}`, ...headers], smuggled)
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d/)
    expect(passed()).toEqual([])
  })

  test.each(['websocket', 'h2c'])('is no way to another protocol: %s', async protocol => {
    const answer = await env.rest.raw(
      [
        `GET ${CLIENT}/capabilities HTTP/1.1`,
        `Authorization: Bearer ${alice.rest.token}`,
        'Host: x',
        'Connection: close, Upgrade, X-Mine',
        `Upgrade: ${protocol}`,
        'X-Mine: 1',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        '',
        ''
      ].join('\r\n')
    )
    expect(answer).toMatch(/^HTTP\/1.1 200/)
    expect(Object.keys(passed()[0]?.headers ?? {}).toSorted()).toEqual([
      'authorization',
      'connection',
      'host',
      'user-agent',
      'x-forwarded-for',
      'x-forwarded-proto'
    ])
    expect(passed()[0]?.headers.connection).toBe('keep-alive')
  })

  test('a header cannot change the method', async () => {
    const path = `${CLIENT}/user/${part(alice.userId)}/account_data/m.direct`
    await alice.rest.get(path, { 'x-http-method-override': 'DELETE', 'x-http-method': 'PUT' })
    expect(passed().map(({ method, headers }) => [method, headers['x-http-method-override']])).toEqual([
      ['GET', undefined]
    ])
  })
})
