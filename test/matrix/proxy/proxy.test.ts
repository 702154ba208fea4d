import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import { sendJson } from '../../env/fake-homeserver.ts'
import { CLIENT, MatrixEnv } from '../../env/matrix.ts'
import { SMALL_LIMITS, startWithFakeHomeserver } from './fake-homeserver-env.ts'

const { homeserver, env, alice, received } = await startWithFakeHomeserver(SMALL_LIMITS)

describe('a request for the homeserver', () => {
  test('has the token of the homeserver in place of that of the client', async () => {
    const answer = await alice.rest.get(`${CLIENT}/capabilities`)
    expect(answer).toMatchObject({ status: 200, body: { well: true } })
    expect(received().headers.authorization).toMatch(/^Bearer homeserver-token-\d+$/)
    expect(JSON.stringify(received())).not.toContain(alice.rest.token)
  })

  test('may have its token in the query, which is not forwarded', async () => {
    const path = `${CLIENT}/rooms/!r:localhost/messages?access_token=${alice.rest.token}&dir=b&limit=7`
    expect((await env.rest.get(path)).status).toBe(200)
    expect(received().url).toBe(`${CLIENT}/rooms/!r%3Alocalhost/messages?dir=b&limit=7`)
    expect(received().headers.authorization).toMatch(/^Bearer homeserver-token-\d+$/)
  })

  test.each([
    ['without a token', null, 401, 'M_MISSING_TOKEN'],
    ['with a token that nobody has', 'made-up', 401, 'M_UNKNOWN_TOKEN']
  ])('is refused %s', async (_, token, status, errcode) => {
    const rest = token === null ? env.rest : env.rest.as(token)
    expect(await rest.get(`${CLIENT}/sync`)).toMatchObject({ status, body: { errcode } })
    expect(homeserver.received).toEqual([])
  })

  test('keeps of its query what its route knows, and nothing else', async () => {
    const query = 'user_id=@admin:localhost&device_id=D&since=s1&timeout=0&ts=1&since=s2&server=evil.com&filter=%7B%7D'
    await alice.rest.get(`${CLIENT}/sync?${query}`)
    expect(received().url).toBe(`${CLIENT}/sync?filter=%7B%7D&since=s1&timeout=0`)
  })

  test('is forwarded without headers of the connection, of cookies and of other proxies', async () => {
    await alice.rest.get(`${CLIENT}/capabilities`, {
      accept: 'application/json',
      cookie: 'a=b',
      forwarded: 'for=1.2.3.4',
      'proxy-authorization': 'Basic x',
      te: 'trailers',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-host': 'evil.com',
      'x-real-ip': '1.2.3.4',
      'x-request-id': 'mine'
    })
    const { headers } = received()
    expect(headers).toMatchObject({ accept: 'application/json', 'x-forwarded-for': '127.0.0.1' })
    for (const name of ['cookie', 'forwarded', 'proxy-authorization', 'te', 'x-forwarded-host', 'x-real-ip']) {
      expect(headers).not.toHaveProperty(name)
    }
  })

  test('is forwarded with the address of the client as a trusted proxy has it', async () => {
    await using trusting = await MatrixEnv.start(homeserver, { TRUSTED_PROXIES: '127.0.0.1' })
    const { rest } = await trusting.login()
    await rest.get(`${CLIENT}/capabilities`, {
      'x-forwarded-for': '6.6.6.6, 203.0.113.9',
      'x-forwarded-proto': 'https'
    })
    expect(received().headers).toMatchObject({ 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' })
  })

  test('has its body forwarded as it came when no rule reads it', async () => {
    const text = '{"a" :  1, "a": 2, "n": 12345678901234567890}'
    await alice.rest.send('PUT', `${CLIENT}/user/${alice.userId}/account_data/m.direct`, { text })
    expect(received().body.toString()).toBe(text)
  })

  test('is refused with a body above the limit of its kind, whether its size is announced or not', async () => {
    const refused = { status: 413, body: { errcode: 'M_TOO_LARGE' } }
    const path = `${CLIENT}/user/${alice.userId}/account_data/m.direct`
    expect(await alice.rest.put(path, { text: 'x'.repeat(11_000) })).toMatchObject(refused)
    expect(await send('PUT', path, Buffer.alloc(11_000), { 'transfer-encoding': 'chunked' })).toMatchObject({
      status: 413
    })
    expect(await alice.rest.post(`${CLIENT}/createRoom`, { name: 'x'.repeat(70_000) })).toMatchObject(refused)
    expect(await send('POST', '/_matrix/media/v3/upload', Buffer.alloc(6.1 * 1024 ** 2))).toMatchObject({ status: 413 })
    expect(homeserver.received.filter(({ body }) => body.length > 10_240)).toEqual([])
  })

  test.each(['not json', '[]', '"text"', 'null', '1'])(
    'must have an object for a body that is read, not %s',
    async text => {
      const answer = await alice.rest.send('POST', `${CLIENT}/createRoom`, { text })
      expect(answer.status).toBe(400)
      expect(homeserver.received).toEqual([])
    }
  )
})

describe('a response of the homeserver', () => {
  test.each([
    [400, 'M_BAD_JSON'],
    [403, 'M_FORBIDDEN'],
    [404, 'M_NOT_FOUND'],
    [429, 'M_LIMIT_EXCEEDED'],
    [500, 'M_UNKNOWN']
  ])('stays as it is when it is an error: %d %s', async (status, errcode) => {
    const body = { errcode, error: 'As it is', retry_after_ms: 7, more: [1] }
    homeserver.answer = (_, response) => sendJson(response, status, body)
    expect(await alice.rest.get(`${CLIENT}/capabilities`)).toMatchObject({ status, body })
  })

  test.each([200, 404, 502])('is not taken from a page of something on the way: %d', async status => {
    homeserver.answer = (_, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>nginx</h1><script>alert(1)</script>')
    }
    const answer = await alice.rest.get(`${CLIENT}/capabilities`)
    expect(answer).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } })
    expect(answer.text).not.toContain('nginx')
  })

  test('comes without headers that are not about the body', async () => {
    homeserver.answer = (_, response) => {
      response.setHeader('set-cookie', 'a=b')
      response.setHeader('server', 'Synapse/1.0')
      response.setHeader('access-control-allow-origin', 'https://only.example.org')
      response.setHeader('x-powered-by', 'x')
      response.setHeader('etag', '"1"')
      sendJson(response, 200, {})
    }
    const { headers } = await alice.rest.get(`${CLIENT}/capabilities`)
    expect(headers.get('etag')).toBe('"1"')
    expect(headers.get('access-control-allow-origin')).toBe('*')
    for (const name of ['set-cookie', 'server', 'x-powered-by']) expect(headers.get(name)).toBeNull()
  })

  test('keeps the headers of media, which cannot become a page', async () => {
    homeserver.answer = (_, response) => {
      response.writeHead(200, {
        'content-type': 'image/png',
        'cache-control': 'immutable',
        'content-disposition': 'inline'
      })
      response.end('png')
    }
    const { headers, text } = await env.rest.get('/_matrix/media/v3/thumbnail/localhost/abc?width=1&height=1')
    expect(text).toBe('png')
    expect(headers.get('content-type')).toBe('image/png')
    expect(headers.get('cache-control')).toBe('immutable')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('is never fetched for media of other servers', async () => {
    expect(await env.rest.get('/_matrix/media/v3/download/evil.com/abc')).toMatchObject({ status: 404 })
    expect(await alice.rest.get('/_matrix/client/v1/media/download/evil.com/abc')).toMatchObject({ status: 404 })
    expect(homeserver.received).toEqual([])
  })

  test('may be read by browsers from everywhere', async () => {
    const answer = await env.rest.send('OPTIONS', `${CLIENT}/sync`, {
      headers: { origin: 'https://play.decentraland.org', 'access-control-request-method': 'GET' }
    })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(homeserver.received).toEqual([])
  })
})

/** Sends a body in one piece over HTTP as it is. */
async function send(method: string, path: string, body: Buffer, headers: Record<string, string> = {}) {
  const request = httpRequest(env.env.app.httpUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${alice.rest.token}`,
      ...(headers['transfer-encoding'] === undefined && { 'content-length': body.length }),
      ...headers
    }
  })
  // The answer may come, and the connection go, before everything is sent.
  request.on('error', () => {})
  request.end(body)
  const [response] = await once(request, 'response')
  response.resume()
  return { status: response.statusCode as number }
}
