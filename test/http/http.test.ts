import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../env/app.ts'
import { type Answer, Rest, startService } from '../env/rest.ts'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService({ HTTP_BODY_LIMIT: '2kb', METRICS_TOKEN: '' })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const LOGIN = '/_matrix/client/r0/login'
const CONFIG = '/v1/account/config'

const socialError = (code: number) => ({ code, error: expect.any(String), message: expect.any(String) })
const matrixError = (errcode: string) => ({ errcode, error: expect.any(String) })

/** A refusal in one of the two shapes, with nothing in it that only the code would know. */
function expectRefusal({ status, headers, text, body }: Answer, code: number, errcode?: string): void {
  expect(status).toBe(code)
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(body).toEqual(errcode ? matrixError(errcode) : socialError(code))
  expect(text).not.toMatch(/FST_|Error:|node_modules|\.[jt]s\b|invalid_type|expected/i)
}

describe('what there is not', () => {
  it.each([
    '/',
    '/v1',
    '/v1/friends',
    '/v1/friendships',
    '/v1/account',
    '/health',
    '/metrics',
    '/admin',
    '/_matrix',
    '/%2e%2e/x'
  ])('is a 404: %s', async path => expectRefusal(await rest.get(path), 404))

  it.each([
    '/_matrix/',
    '/_matrix/client',
    '/_matrix/client/v3/sync',
    '/_matrix/client/r1/login',
    '/_matrix/../x/_matrix'
  ])('is unrecognized by Matrix: %s', async path =>
    expectRefusal(await rest.get(path), 404, path.endsWith('x/_matrix') ? undefined : 'M_UNRECOGNIZED')
  )

  it('is a path with a slash too many', async () => {
    expectRefusal(await rest.get(`${CONFIG}/`), 404)
    expectRefusal(await rest.get('//v1/account/config'), 404)
    expectRefusal(await rest.post(`${LOGIN}/`), 404, 'M_UNRECOGNIZED')
  })

  it('is a path in upper case', async () => {
    expectRefusal(await rest.get('/V1/ACCOUNT/CONFIG'), 404)
  })
})

describe('a method', () => {
  it.each([
    ['POST', '/v1/friendships/me', 'GET, HEAD, OPTIONS'],
    ['DELETE', CONFIG, 'GET, HEAD, PUT, OPTIONS'],
    ['PATCH', '/health/live', 'GET, HEAD, OPTIONS']
  ])('that a path does not have is a 405: %s %s', async (method, path, allowed) => {
    const answer = await rest.send(method, path)
    expectRefusal(answer, 405)
    expect(answer.headers.get('allow')).toBe(allowed)
  })

  it('that a path of Matrix does not have is unrecognized', async () => {
    const answer = await rest.send('PUT', LOGIN, { json: {} })
    expectRefusal(answer, 405, 'M_UNRECOGNIZED')
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS')
  })

  it('HEAD is a GET without its body', async () => {
    const [head, get] = [
      await rest.send('HEAD', '/_matrix/client/versions'),
      await rest.get('/_matrix/client/versions')
    ]
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers.get('content-length')).toBe(String(get.text.length))
    expect((await rest.send('HEAD', '/v1/friendships/me')).status).toBe(400)
  })

  it.each(['TRACE', 'PROPFIND', 'QUERY'])('of another kind is a 404 or a 405: %s', async method => {
    const answer = await rest.raw(`${method} ${CONFIG} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 40[045] /)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ message: expect.any(String) })
  })
})

describe('a path', () => {
  it.each(['%', '%f', '%ff', '%zz', '%c3%28', '%e2%82', '%00%ff'])(
    'that is not well encoded is a 400: %s',
    async part => {
      expectRefusal(await rest.get(`/v1/friendships/${part}`), 400)
      expectRefusal(await rest.get(`/_matrix/client/${part}`), 400, 'M_INVALID_PARAM')
      const id = (await rest.get(`/v1/friendships/${part}`)).headers.get('x-request-id')
      expect(id).toMatch(/^[\da-f-]{36}$/)
    }
  )

  it.each([
    '%00',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e',
    '%F0%9F%98%80',
    '%0d%0aset-cookie:a=b',
    '%252e',
    "'",
    '%3Cscript%3E'
  ])('may hold anything that is encoded: %s', async part => {
    const { rest: alice } = await rest.login()
    const answer = await alice.get(`/v1/friendships/${part}`)
    expect([400, 404]).toContain(answer.status)
    expectRefusal(answer, answer.status)
    expect(answer.headers.get('set-cookie')).toBeNull()
  })

  it('that is huge is refused before anybody looks at it', async () => {
    const paths = [`/v1/friendships/${'a'.repeat(100_000)}`, `${LOGIN}?${'a=b&'.repeat(10_000)}`]
    for (const path of paths) {
      const answer = await rest.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 431 /)
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
      expect(body).toMatchObject({ code: 431, errcode: 'M_UNKNOWN' })
    }
  })

  it('with an encoded beginning is answered in the shape of what it means', async () => {
    expectRefusal(await rest.post('/%5Fmatrix/client/r0/login', {}), 400, 'M_MISSING_PARAM')
  })

  it('may have parameters twice, and ones that mean something to objects', async () => {
    const { rest: alice } = await rest.login()
    for (const query of [
      'limit=1&limit=2',
      '__proto__=1',
      'constructor=1&limit[]=2',
      '&&=&',
      'limit[a]=1',
      '%00=%00'
    ]) {
      expect((await alice.get(`/v1/friendships/me?${query}`)).text).toBe('{"friendships":[]}')
    }
  })
})

describe('a body', () => {
  const json = { 'content-type': 'application/json' }

  it('above the limit is a 413, however it is sent', async () => {
    const { rest: alice } = await rest.login()
    const text = JSON.stringify({ config: 'x'.repeat(3000) })
    expectRefusal(await alice.send('PUT', CONFIG, { text, headers: json }), 413)
    expectRefusal(await rest.send('POST', LOGIN, { text, headers: json }), 413, 'M_TOO_LARGE')
    const head = `POST ${LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`
    const chunk = `${(3000).toString(16)}\r\n${'x'.repeat(3000)}\r\n`
    expect(await rest.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)).toMatch(/^HTTP\/1.1 413 /)
    expect(await rest.raw(`${head}Content-Length: 1000000000000\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /)
  })

  it('of the limit is read', async () => {
    const { rest: alice } = await rest.login()
    const text = JSON.stringify({ config: { friends: 'FRIENDS', friendsCount: 'FRIENDS' } }).padEnd(2048)
    expect((await alice.send('PUT', CONFIG, { text, headers: json })).status).toBe(200)
  })

  it.each([
    'text/plain',
    'application/xml',
    'application/jsonp',
    'multipart/form-data; boundary=x',
    'nonsense',
    '/',
    'a/b/c'
  ])('of type %s is none of ours', async type => {
    const { rest: alice } = await rest.login()
    expectRefusal(await alice.send('PUT', CONFIG, { text: '{}', headers: { 'content-type': type } }), 415)
  })

  it('that is no JSON is told so', async () => {
    const { rest: alice } = await rest.login()
    for (const text of ['{', '', 'null', '"', '\0', '{"config":{}', "{'config':1}", '{"__proto__":{}}']) {
      expectRefusal(await alice.send('PUT', CONFIG, { text, headers: json }), 400)
    }
  })

  it('of a request that needs none is not minded', async () => {
    const { rest: alice } = await rest.login()
    const request = [
      'GET /v1/friendships/me HTTP/1.1\r\nHost: x\r\nConnection: close',
      `Authorization: Bearer ${alice.token}`,
      'Content-Type: application/json\r\nContent-Length: 5\r\n\r\nxxxxx'
    ]
    expect(await alice.raw(request.join('\r\n'))).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('what is no HTTP', () => {
  it.each([
    ['words', 'Hello?\r\n\r\n', 400],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nbad\r\n\r\n', 400],
    ['a method that there is not', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['two lengths', `POST ${LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
    [
      'a length and chunks',
      `POST ${LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400
    ],
    ['16 kB of headers', `GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, 431]
  ])('is answered and closed: %s', async (_, text, status) => {
    const answer = await rest.raw(text)
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
    expect(body).toEqual({ code: status, error: expect.any(String), message: expect.any(String), errcode: 'M_UNKNOWN' })
    expect((await rest.get('/health/live')).status).toBe(200)
  })
})

describe('an answer', () => {
  const paths = ['/health/live', '/v1/friendships/me', '/_matrix/client/versions', '/nowhere', '/v1/friendships/%ff']

  it.each(paths)('has an id of its own, which nobody else chooses: %s', async path => {
    const headers = { 'x-request-id': 'chosen', 'request-id': 'chosen' }
    const ids = (await Promise.all([rest.get(path, headers), rest.get(path, headers)])).map(answer =>
      answer.headers.get('x-request-id')
    )
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
  })

  it.each(paths)('is to be neither kept, guessed at nor framed: %s', async path => {
    const { headers } = await rest.get(path)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect([headers.get('server'), headers.get('x-powered-by'), headers.get('set-cookie')]).toEqual([null, null, null])
  })
})
