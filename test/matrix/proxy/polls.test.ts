import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConcurrencyLimit } from '../../../src/lib/concurrency-limit.ts'
import { matrixProxy } from '../../../src/matrix/proxy/proxy.ts'
import { ROUTES } from '../../../src/matrix/proxy/routes.ts'
import { FORWARD } from '../../../src/matrix/proxy/rules/rule.ts'
import { Upstream } from '../../../src/matrix/proxy/upstream.ts'
import { OpenRequests } from '../../../src/sessions/open-requests.ts'
import { FakeHomeserver } from '../../env/fake-homeserver.ts'
import { admission, startHttpServer } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { newAddress } from '../homeserver.ts'

const GRACE_MS = 300

/** The proxy by itself, with less patience than that of the service. */
let homeserver: FakeHomeserver
let upstream: Upstream
let app: Awaited<ReturnType<typeof startHttpServer>>

beforeAll(async () => {
  homeserver = await FakeHomeserver.start()
  upstream = new Upstream({ url: homeserver.url, connectTimeoutMs: 10_000, onChange: () => {} })
  const holder = { tokenHash: Buffer.from('hash'), address: newAddress(), deviceId: 'D' }
  app = await startHttpServer()
  await app.register(matrixProxy, {
    routes: ROUTES,
    rules: { sync: () => FORWARD },
    publicRules: {},
    auth: {
      authenticate: async () => holder,
      isKnown: () => true,
      tokenOf: async () => 'token',
      renewToken: async () => null
    },
    admission: admission(),
    openRequests: new OpenRequests(),
    upstream,
    concurrency: new ConcurrencyLimit({ total: 10, perKey: 10 }),
    limits: { bodyBytes: { read: 1_000, json: 1_000, media: 1_000 }, timeoutMs: 100, pollGraceMs: GRACE_MS },
    readToken: () => 'token'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  await upstream.close()
  await homeserver[Symbol.asyncDispose]()
})

const sync = (timeout: number) => fetch(`${app.listeningOrigin}/_matrix/client/v3/sync?timeout=${timeout}`)

test('the answer to a long poll may take its time once it has begun', async () => {
  homeserver.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"next_batch":')
    setTimeout(() => response.end('"s1"}'), 2 * GRACE_MS)
  }
  expect(await (await sync(0)).json()).toEqual({ next_batch: 's1' })
})

test('an answer to a long poll that does not begin is not waited for', async () => {
  let isLeft = false
  homeserver.answer = (_, response) => response.once('close', () => (isLeft = true))
  expect((await sync(1)).status).toBe(503)
  await until(() => isLeft, 'the homeserver is left')
})
