import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/observability/metrics.ts'
import { type HealthCheck, healthRoutes } from '../../src/rest/health.ts'
import { createRouter } from '../../src/rest/router.ts'
import type { Env } from '../env/app.ts'
import { silent } from '../env/databases.ts'
import { Rest, startService } from '../env/rest.ts'
import { until } from '../env/until.ts'

const TOKEN = 'metrics-token'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService({ METRICS_TOKEN: TOKEN })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

/** The value of a series, or undefined when it is not there. */
async function valueOf(series: string): Promise<number | undefined> {
  const { text } = await rest.as(TOKEN).get('/metrics')
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

describe('health', () => {
  it('is told to whoever asks', async () => {
    const live = await rest.get('/health/live')
    expect([live.status, live.headers.get('content-type'), live.text]).toEqual([
      200,
      'application/json; charset=utf-8',
      '"alive"'
    ])
    const health = 'application/health+json; charset=utf-8'
    const ready = await rest.get('/health/ready')
    expect([ready.status, ready.headers.get('content-type')]).toEqual([200, health])
    expect(ready.body).toEqual({ details: { database: { status: 'pass' } }, status: 'pass' })
    const startup = await rest.get('/health/startup')
    expect([startup.status, startup.headers.get('content-type'), startup.text]).toEqual([
      200,
      health,
      '{"status":"pass"}'
    ])
  })
})

describe('metrics', () => {
  it('are for those who have their token', async () => {
    const { status, headers, text } = await rest.as(TOKEN).get('/metrics')
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(text).toContain('# TYPE http_request_duration_seconds histogram')
    const alice = await rest.login()
    for (const other of [rest, rest.as(`${TOKEN}x`), rest.as(TOKEN.slice(1)), alice.rest]) {
      const answer = await other.get('/metrics')
      expect(answer.text).toBe('{"code":401,"error":"Unauthorized","message":"The metrics need their own token"}')
      expect((await other.send('HEAD', '/metrics')).status).toBe(401)
    }
    expect((await rest.get(`/metrics?access_token=${TOKEN}`)).status).toBe(401)
  })

  it('are off without a token', async () => {
    await using other = await startService()
    for (const user of [new Rest(other.app.httpUrl), new Rest(other.app.httpUrl, TOKEN)]) {
      expect(await user.get('/metrics')).toMatchObject({ status: 404, body: { code: 404 } })
    }
  })

  it.each([
    'dcl_social_service_rpc_procedure_call_total{code="OK",procedure="GetFriends"}',
    'dcl_social_service_rpc_connected_clients_total',
    'dcl_social_service_rpc_updates_sent_on_subscription_total{event="request"}',
    'dcl_social_service_rpc_procedure_call_duration_seconds_histogram_count{code="OK",procedure="UpdateFriendshipEvent"}',
    'dcl_social_service_rpc_connection_duration_seconds_histogram_count',
    'dcl_social_service_rpc_in_procedure_call_size_bytes_histogram_count{procedure="UpsertFriendship"}',
    'dcl_social_service_rpc_out_procedure_call_size_bytes_histogram_count{code="OK",procedure="GetRequestEvents"}',
    'http_request_duration_seconds_count{method="PUT",route="/v1/account/config",code="200"}',
    'http_request_duration_seconds_count{method="DELETE",route="/v1/account/config",code="200"}'
  ])('are there from the start: %s', async series => {
    expect(await valueOf(series)).toBe(series.includes('DELETE') ? undefined : 0)
  })

  it('name a route by its pattern, and what is no route by no name', async () => {
    const route = '/v1/friendships/:userId'
    const series = (method: string, code: number) =>
      `http_request_duration_seconds_count{method="${method}",route="${route}",code="${code}"}`
    const other = (code: number) => `http_request_duration_seconds_count{method="other",route="other",code="${code}"}`
    const before = (await valueOf(other(404))) ?? 0
    const alice = await rest.login()
    await alice.rest.get(`/v1/friendships/${alice.address}`)
    await alice.rest.get('/v1/friendships/me?limit=1')
    await alice.rest.send('HEAD', '/v1/friendships/me')
    await alice.rest.get('/v1/friendships/nobody')
    for (let n = 0; n < 5; n += 1) await rest.get(`/made/up/${n}`)
    await until(async () => (await valueOf(other(404))) === before + 5, 'all are counted')
    expect([await valueOf(series('GET', 200)), await valueOf(series('HEAD', 200))]).toEqual([2, 1])
    expect(await valueOf(series('GET', 400))).toBe(1)
    expect((await rest.as(TOKEN).get('/metrics')).text).not.toMatch(new RegExp(`${alice.address}|nobody|made`))
  })
})

/** The router with routes of a test, on a free port. */
async function listen(checks: Record<string, HealthCheck>, silenceMs = 60_000) {
  const metrics = createMetrics({ procedures: [], codes: [], events: [] })
  const times = { requestTimeoutMs: 60_000, graceMs: 0, silenceMs }
  const app = await createRouter({
    ...{ logger: silent, metrics, publicUrl: '/', bodyLimit: 1024, corsOrigins: '*', trustedProxies: [] },
    ...times
  })
  await app.register(healthRoutes, { checks, isServing: () => true, metrics, metricsToken: null })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { rest: new Rest(url), [Symbol.asyncDispose]: () => app.close() }
}

describe('a check', () => {
  it('runs once for all who ask at the same time, and again for those who come later', async () => {
    let runs = 0
    let finish = (): void => {}
    const check = () => {
      runs += 1
      return new Promise<void>(resolve => {
        finish = resolve
      })
    }
    await using router = await listen({ database: check })
    const asked = Array.from({ length: 20 }, () => router.rest.get('/health/ready'))
    // The one that was sent last is answered last: the others have reached the check before it.
    await until(() => runs > 0, 'the check runs')
    await router.rest.get('/health/live')
    finish()
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200)
    expect(runs).toBeLessThan(20)
    const later = router.rest.get('/health/ready')
    const before = runs
    await until(() => runs > before || runs > 1, 'the check runs again')
    finish()
    expect((await later).status).toBe(200)
  })

  it('that fails is all that fails', async () => {
    const fail = async () => {
      throw new Error('secret reason')
    }
    await using router = await listen({ database: fail, bus: async () => {} })
    const { status, text } = await router.rest.get('/health/ready')
    expect(status).toBe(503)
    expect(JSON.parse(text)).toEqual({
      details: { database: { status: 'fail' }, bus: { status: 'pass' } },
      status: 'fail'
    })
  })
})

it('a connection on which nothing moves is closed', async () => {
  await using router = await listen({ database: () => new Promise(() => {}) }, 200)
  expect(await router.rest.raw('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('')
})
