import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { paced } from '../../env/pace.ts'
import { until } from '../../env/until.ts'
import { ALICE, clientOf, failureOf, failureWhen, json, listen, USER_TOKEN } from '../answers.ts'

const DEADLINE_MS = 150

describe('bounds', () => {
  async function timed(call: Promise<unknown>): Promise<number> {
    const start = performance.now()
    expect(await failureOf(call)).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('TIMEOUT') })
    return performance.now() - start
  }

  test.each<[string, RequestListener]>([
    ['that never comes', () => {}],
    ['that stops after its headers', (_, response) => void response.writeHead(200).flushHeaders()],
    ['that trickles', trickle]
  ])('an answer %s is not waited for beyond the deadline', async (_, answer) => {
    const { url } = await listen(answer)
    const client = clientOf(url, { timeoutMs: DEADLINE_MS })
    expect(await timed(client.as(ALICE).getAccountData('m.direct'))).toBeLessThan(paced(DEADLINE_MS * 10))
  })

  test('the deadline includes the wait for a connection, and later calls are served', async () => {
    let hangs = true
    const { url } = await listen((request, response) => {
      if (!hangs) json(200, {})(request, response)
    })
    const client = clientOf(url, { timeoutMs: DEADLINE_MS, connections: 1 })
    const calls = [1, 2, 3, 4].map(() => timed(client.as(ALICE).getAccountData('m.direct')))
    expect(Math.max(...(await Promise.all(calls)))).toBeLessThan(paced(DEADLINE_MS * 10))
    hangs = false
    expect(await client.as(ALICE).getAccountData('m.direct')).toEqual({})
  })

  test.each<[string, RequestListener]>([
    ['announced', (_, response) => void response.end(`{"a":"${'x'.repeat(9 * 1024 * 1024)}"}`)],
    ['sent in pieces', (_, response) => flood(response)]
  ])('an answer that is too long, %s, is not read to its end', async (_, answer) => {
    const error = await failureWhen(answer)
    expect(error.message).toBe('Homeserver call getAccountData: unavailable UND_ERR_RES_EXCEEDED_MAX_SIZE')
  })

  test('calls share as many connections as there may be, and keep them', async () => {
    const sockets = new Set<unknown>()
    const { server, url } = await listen(json(200, {}))
    server.on('connection', socket => sockets.add(socket))
    const client = clientOf(url, { connections: 3 })
    await Promise.all(Array.from({ length: 60 }, () => client.as(ALICE).getAccountData('m.direct')))
    for (let i = 0; i < 20; i += 1) await client.as(ALICE).getAccountData('m.direct')
    expect(sockets.size).toBe(3)
  })

  test('calls beyond what can wait fail at once', async () => {
    const waiting: ServerResponse[] = []
    const { url } = await listen((_, response) => void waiting.push(response))
    const client = clientOf(url, { connections: 1 })
    const calls = Array.from({ length: 101 }, () => failureOf(client.as(ALICE).getAccountData('m.direct')))
    await until(() => waiting.length === 1, 'the first call arrives')
    const error = await failureOf(client.as(ALICE).getAccountData('m.direct'))
    expect(error).toMatchObject({ kind: 'unavailable', retryable: true, message: expect.stringContaining('BUSY') })
    await client.close()
    await Promise.all(calls)
  })

  test('closing ends what is under way', async () => {
    const { server, url } = await listen(() => {})
    const client = clientOf(url)
    const call = failureOf(client.as(ALICE).getAccountData('m.direct'))
    await once(server, 'request')
    await client.close()
    expect((await call).kind).toBe('unavailable')
    expect((await failureOf(client.whoami(USER_TOKEN))).kind).toBe('unavailable')
  })
})

describe('what goes out', () => {
  test('paths are encoded part by part, below the path of the homeserver', async () => {
    const seen: string[] = []
    const { url } = await listen((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      json(200, {})(request, response)
    })
    const { pathname } = new URL(url)
    expect(pathname).toBe('/')
    const user = `user_id=${encodeURIComponent(`@${ALICE}:localhost`)}`
    await clientOf(`${url}/matrix/`).as(ALICE).getState('!a/../b:c', '..', '%2e?#\ud83d/')
    await clientOf(url).as(ALICE).getState('!a', '.', '')
    expect(seen).toEqual([
      `GET /matrix/_matrix/client/v3/rooms/!a%2F..%2Fb%3Ac/state/%2E%2E/%252e%3F%23%EF%BF%BD%2F?${user}`,
      `GET /_matrix/client/v3/rooms/!a/state/%2E/?${user}`
    ])
  })
})

function trickle(_: IncomingMessage, response: ServerResponse): void {
  const timer = setInterval(() => response.write(' '), 10)
  response.on('close', () => clearInterval(timer))
}

function flood(response: ServerResponse): void {
  const piece = Buffer.alloc(256 * 1024, ' ')
  const pour = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', pour)
  }
  pour()
}
