import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ALICE, AS_TOKEN, clientOf, failureOf, failureWhen, json, listen, USER_TOKEN } from '../answers.ts'

describe('an answer of the homeserver means what its status and its errcode say together', () => {
  test.each([
    [400, 'M_BAD_JSON', 'bad_request'],
    [400, 'M_NOT_JSON', 'bad_request'],
    [400, 'M_INVALID_PARAM', 'bad_request'],
    [400, 'M_MISSING_PARAM', 'bad_request'],
    [400, 'M_EXCLUSIVE', 'bad_request'],
    [413, 'M_TOO_LARGE', 'bad_request'],
    [400, 'M_ROOM_IN_USE', 'conflict'],
    [400, 'M_USER_IN_USE', 'conflict'],
    [409, 'M_UNKNOWN', 'conflict'],
    [401, 'M_UNKNOWN_TOKEN', 'misconfigured'],
    [401, 'M_MISSING_TOKEN', 'misconfigured'],
    [401, 'M_USER_LOCKED', 'unauthorized'],
    [403, 'M_FORBIDDEN', 'forbidden'],
    [403, 'M_USER_DEACTIVATED', 'forbidden'],
    [403, 'M_USER_SUSPENDED', 'forbidden'],
    [403, 'M_INVITE_BLOCKED', 'forbidden'],
    [403, 'M_BAD_STATE', 'forbidden'],
    [429, 'M_LIMIT_EXCEEDED', 'too_many_requests'],
    [400, 'M_UNKNOWN', 'unavailable'],
    [401, 'M_FORBIDDEN', 'unavailable'],
    [403, 'M_UNKNOWN_TOKEN', 'unavailable'],
    [404, 'M_UNRECOGNIZED', 'unavailable'],
    [500, 'M_UNKNOWN', 'unavailable'],
    [502, 'M_FORBIDDEN', 'unavailable'],
    [503, 'M_LIMIT_EXCEEDED', 'unavailable'],
    [302, 'M_FORBIDDEN', 'unavailable']
  ])('%i %s is %s', async (status, errcode, kind) => {
    const error = await failureWhen(json(status, { errcode, error: 'Text that is for people' }))
    const retryable = ['conflict', 'too_many_requests', 'misconfigured', 'unavailable'].includes(kind)
    expect(error).toMatchObject({ kind, status, errcode, retryable, retryAfterMs: null })
  })

  test('an unknown token is the matter of its user, if it is a user’s', async () => {
    const { url } = await listen(json(401, { errcode: 'M_UNKNOWN_TOKEN' }))
    expect((await failureOf(clientOf(url).whoami(USER_TOKEN))).kind).toBe('unauthorized')
  })

  test('too many invites are a rate limit', async () => {
    const body = { errcode: 'M_UNKNOWN', error: 'Cannot invite so many users at once' }
    expect((await failureWhen(json(400, body))).kind).toBe('too_many_requests')
  })

  test.each([
    ['its body', { retry_after_ms: 1_500 }, {}, 1_500],
    ['its header', {}, { 'retry-after': '2' }, 2_000],
    ['both', { retry_after_ms: 1_500 }, { 'retry-after': '2' }, 1_500],
    ['neither', {}, {}, null],
    ['a negative number', { retry_after_ms: -5 }, {}, null],
    ['a text', { retry_after_ms: '1500' }, {}, null],
    ['a date', {}, { 'retry-after': 'Fri, 22 Nov 2030 10:00:00 GMT' }, null],
    ['an eternity', { retry_after_ms: 1e300 }, {}, 3_600_000]
  ])('how long to wait is taken from %s', async (_, body, headers, retryAfterMs) => {
    const error = await failureWhen(json(429, { errcode: 'M_LIMIT_EXCEEDED', ...body }, headers))
    expect(error.retryAfterMs).toBe(retryAfterMs)
  })
})

describe('what is not an answer of a homeserver', () => {
  const html: RequestListener = (_, response) => void response.end('<html>M_FORBIDDEN</html>')
  const cut: RequestListener = request => void request.socket.destroy()

  test.each<[string, RequestListener]>([
    ['a web page', html],
    ['a web page of a proxy that refuses', (_, response) => void response.writeHead(403).end('<html>Denied</html>')],
    ['a web page instead of a missing route', (_, response) => void response.writeHead(404).end('<html></html>')],
    ['an empty answer', (_, response) => void response.end()],
    ['a list', json(200, [])],
    ['a bare text', json(200, 'fine')],
    ['an error without an errcode', json(403, { error: 'no' })],
    ['an error that is null', json(403, null)],
    ['an errcode that is none', json(403, { errcode: 'Forbidden for m@x' })],
    ['a connection that is cut at once', cut],
    ['an answer that is cut within', (_, response) => void response.write('{"a":', () => response.destroy())],
    [
      'an answer that is shorter than it says',
      (_, response) => void response.writeHead(200, { 'content-length': 9 }).end('{}')
    ],
    ['a line that is not HTTP', request => void request.socket.end('nonsense\r\n\r\n')]
  ])('%s counts as unavailable', async (_, answer) => {
    const error = await failureWhen(answer, { timeoutMs: 300 })
    expect(error).toMatchObject({ kind: 'unavailable', errcode: null, retryable: true })
  })

  test('an answer of another shape counts as unavailable', async () => {
    const { url } = await listen(json(200, { user_id: 'alice', device_id: 7 }))
    expect(await failureOf(clientOf(url).whoami(USER_TOKEN))).toMatchObject({ kind: 'unavailable', status: 200 })
  })

  test('nobody there counts as unavailable', async () => {
    const { server, url } = await listen(html)
    server.close()
    await once(server, 'close')
    const error = await failureOf(clientOf(url).register(ALICE))
    expect(error).toMatchObject({ kind: 'unavailable', status: null })
    expect(error.message).toBe('Homeserver call register: unavailable ECONNREFUSED')
  })
})

describe('errors', () => {
  test('no token, id, query or text of an answer is in an error', async () => {
    const body = { errcode: 'M_FORBIDDEN', error: `answer-text ${AS_TOKEN} ${USER_TOKEN}` }
    const [refusing, cutting] = [await listen(json(403, body)), await listen(request => void request.socket.destroy())]
    for (const { url } of [refusing, cutting]) {
      const client = clientOf(url)
      const errors = await Promise.all([
        failureOf(client.whoami(USER_TOKEN)),
        failureOf(client.as(ALICE).sendMessage('!secret-room', 'secret-txn', { body: 'secret-text' })),
        failureOf(client.resolveAlias('#secret-alias:localhost'))
      ])
      const text = inspect(errors, { depth: 9, showHidden: true }) + JSON.stringify(errors)
      expect(text).not.toMatch(new RegExp(`secret|answer-text|user_id|${ALICE}`))
    }
  })
})
