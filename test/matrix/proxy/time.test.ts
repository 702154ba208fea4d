import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import { FakeHomeserver, sendJson } from '../../env/fake-homeserver.ts'
import { CLIENT, MatrixEnv } from '../../env/matrix.ts'
import { until } from '../../env/until.ts'
import { SMALL_LIMITS, startWithFakeHomeserver } from './fake-homeserver-env.ts'

const { homeserver, env, alice, received } = await startWithFakeHomeserver(SMALL_LIMITS)

describe('what takes its time', () => {
  test('a large body passes while it is still being sent', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const upload = httpRequest(`${env.env.app.httpUrl}/_matrix/media/v3/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.rest.token}`, 'content-type': 'image/png' }
    })
    const before = homeserver.bytes
    upload.write(chunk)
    await until(() => homeserver.bytes === before + chunk.length, 'the first part is there')
    for (let sent = 1; sent < 80; sent++) {
      if (!upload.write(chunk)) await once(upload, 'drain')
    }
    upload.end()
    const [response] = await once(upload, 'response')
    response.resume()
    expect([response.statusCode, received().body.length]).toEqual([200, 80 * chunk.length])
  })

  test('an answer is handed on as it comes', async () => {
    let finish = (): void => {}
    homeserver.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'image/png' }).write('first')
      finish = () => response.end('last')
    }
    const response = await fetch(`${env.env.app.httpUrl}/_matrix/media/v3/download/localhost/abc`)
    const reader = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first')
    finish()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last')
  })

  test('a long poll ends at the homeserver when its client goes', async () => {
    let ended = false
    homeserver.answer = (_, response) => {
      response.once('close', () => {
        ended = true
      })
    }
    const leaving = new AbortController()
    const poll = fetch(`${env.env.app.httpUrl}${CLIENT}/sync?timeout=30000`, {
      headers: { authorization: `Bearer ${alice.rest.token}` },
      signal: leaving.signal
    })
    await until(() => homeserver.received.length === 1, 'the poll has come')
    expect(ended).toBe(false)
    leaving.abort()
    await expect(poll).rejects.toThrow()
    await until(() => ended, 'the homeserver is left')
  })

  test('a long poll may wait for longer than other calls, but not for ever', async () => {
    homeserver.answer = (_, response) => void setTimeout(() => sendJson(response, 200, { next_batch: 's' }), 700)
    expect((await alice.rest.get(`${CLIENT}/sync?timeout=999999999`)).body).toEqual({ next_batch: 's' })
    expect(received().url).toBe(`${CLIENT}/sync?timeout=60000`)
  })

  test.each([
    ['says nothing', () => {}],
    [
      'never ends',
      (response: Parameters<FakeHomeserver['answer']>[1]) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const drip = setInterval(() => response.write(' '), 50)
        response.once('close', () => clearInterval(drip))
      }
    ]
  ])('a homeserver that %s is given up', async (_, answer) => {
    homeserver.answer = (_, response) => answer(response)
    const call = alice.rest.get(`${CLIENT}/capabilities`)
    await expect(
      call.then(
        ({ status }) => status,
        () => 'cut off'
      )
    ).resolves.toSatisfy((outcome: unknown) => outcome === 503 || outcome === 'cut off')
  })

  test('a user has so many requests under way and no more, and others theirs', async () => {
    const bob = await env.login()
    const waiting: (() => void)[] = []
    homeserver.answer = (_, response) => waiting.push(() => sendJson(response, 200, {}))
    const polls = [1, 2, 3, 4].map(() => alice.rest.get(`${CLIENT}/sync`))
    await until(() => waiting.length === 4, 'four polls are open')
    expect(await alice.rest.get(`${CLIENT}/capabilities`)).toMatchObject({
      status: 429,
      body: { errcode: 'M_LIMIT_EXCEEDED' }
    })
    const other = bob.rest.get(`${CLIENT}/sync`)
    await until(() => waiting.length === 5, 'the poll of another is open')
    for (const answer of waiting) answer()
    expect((await Promise.all([...polls, other])).map(({ status }) => status)).toEqual(Array(5).fill(200))
    homeserver.answer = (_, response) => sendJson(response, 200, {})
    expect((await alice.rest.get(`${CLIENT}/capabilities`)).status).toBe(200)
  })

  test('the service stops without waiting for long polls', async () => {
    const stopping = await MatrixEnv.start(homeserver, { SHUTDOWN_GRACE: '1m' })
    const { rest } = await stopping.login()
    homeserver.answer = () => {}
    const poll = rest.get(`${CLIENT}/sync?timeout=60000`)
    await until(() => homeserver.received.length === 1, 'the poll has come')
    await stopping.env.stop()
    expect((await poll).status).toBe(503)
  })

  test('the log says that a homeserver is away', async () => {
    const away = await FakeHomeserver.start()
    await using behind = await MatrixEnv.start(away)
    const { rest } = await behind.login()
    await away[Symbol.asyncDispose]()
    expect(await rest.get(`${CLIENT}/capabilities`)).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } })
  })
})
