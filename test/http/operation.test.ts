import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HealthCheck, healthRoutes } from '../../src/http/health.ts'
import { httpMetrics } from '../../src/observability/http-metrics.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { Env } from '../env/app.ts'
import { Rest, startHttpServer, startService } from '../env/rest.ts'
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
async function countOf(series: string): Promise<number | undefined> {
  const { text } = await rest.as(TOKEN).get('/metrics')
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

describe('health', () => {
  it('is answered without a token', async () => {
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
    await using other = await startService({ METRICS_TOKEN: '' })
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
    'http_request_duration_seconds_count{method="PUT",route="/v1/account/config",code="200"}'
  ])('are there from the start: %s', async series => {
    expect(await countOf(series)).toBe(0)
  })

  it('name a route by its pattern, and what is no route by no name', async () => {
    const route = '/v1/friendships/:userId'
    const series = (method: string, code: number) =>
      `http_request_duration_seconds_count{method="${method}",route="${route}",code="${code}"}`
    const other = (code: number) => `http_request_duration_seconds_count{method="other",route="other",code="${code}"}`
    const before = (await countOf(other(404))) ?? 0
    const alice = await rest.login()
    await alice.rest.get(`/v1/friendships/${alice.address}`)
    await alice.rest.get('/v1/friendships/me?limit=1')
    await alice.rest.send('HEAD', '/v1/friendships/me')
    await alice.rest.get('/v1/friendships/nobody')
    for (let n = 0; n < 5; n += 1) await rest.get(`/made/up/${n}`)
    await until(async () => (await countOf(other(404))) === before + 5, 'all are counted')
    expect([await countOf(series('GET', 200)), await countOf(series('HEAD', 200))]).toEqual([2, 1])
    expect(await countOf(series('GET', 400))).toBe(1)
    expect((await rest.as(TOKEN).get('/metrics')).text).not.toMatch(new RegExp(`${alice.address}|nobody|made`))
  })
})

/** The routes of health alone, on a free port. */
async function listen(checks: Record<string, HealthCheck>, silenceMs = 60_000) {
  const metrics = new MetricRegistry()
  const app = await startHttpServer({ metrics: httpMetrics(metrics), silenceMs })
  await app.register(healthRoutes, { checks, warnings: {}, isServing: () => true, metrics, metricsToken: null })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { rest: new Rest(url), metrics, [Symbol.asyncDispose]: () => app.close() }
}

describe('a check', () => {
  it('runs once for all who ask at the same time, and again for those who come later', async () => {
    const runs: (() => void)[] = []
    const finish = (): void => {
      for (const resolve of runs) resolve()
    }
    await using server = await listen({ database: () => new Promise<void>(resolve => runs.push(resolve)) })
    const ask = (count: number) => Array.from({ length: count }, () => server.rest.get('/health/ready'))
    const asked = ask(20)
    await until(async () => /^http_requests_in_flight 20$/m.test(await server.metrics.render()), 'all have asked')
    finish()
    for (const { status } of await Promise.all(asked)) expect(status).toBe(200)
    expect(runs).toHaveLength(1)
    const later = ask(1)
    await until(() => runs.length === 2, 'the check runs again')
    finish()
    await Promise.all(later)
  })

  it('that fails is all that fails', async () => {
    const fail = async () => {
      throw new Error('secret reason')
    }
    await using server = await listen({ database: fail, bus: async () => {} })
    const { status, text } = await server.rest.get('/health/ready')
    expect(status).toBe(503)
    expect(JSON.parse(text)).toEqual({
      details: { database: { status: 'fail' }, bus: { status: 'pass' } },
      status: 'fail'
    })
  })
})

it('a connection on which nothing moves is closed', async () => {
  await using server = await listen({ database: () => new Promise(() => {}) }, 200)
  expect(await server.rest.raw('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('')
})

const hasIPv6 = Object.values(networkInterfaces()).some(addresses =>
  addresses?.some(({ address }) => address === '::1')
)

it.each(['0.0.0.0', ...(hasIPv6 ? ['::', '::1'] : [])])('what listens on %s says how it is reached', async host => {
  await using env = await Env.start({ HOST: host, HTTP_PORT: '0', RPC_PORT: '0' })
  for (const url of [env.app.httpUrl, env.app.rpcUrl.replace('ws:', 'http:')]) {
    expect((await new Rest(url).get('/health/live')).text).toBe('"alive"')
  }
})
