import { describe, expect, test } from 'vitest'
import { PAIR_ACTIONS } from '../../src/domain/friendship.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { CLOSE, SOCKET_ENDS } from '../../src/rpc/engine/close-codes.ts'

const PREFIX = 'dcl_social_service_rpc_'
const options = {
  procedures: ['GetFriends', 'UpdateFriendshipEvent'],
  socketEnds: SOCKET_ENDS,
  resumeOutcomes: ['fresh', 'resumed']
}

const CALL = { procedure: 'GetFriends', code: 'ok', durationMs: 1, bytesIn: 1, bytesOut: 1 } as const

/** The value of one series, or undefined when it is not there. */
function valueIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('from the start', () => {
  test('every series is there, at zero', async () => {
    const text = await createMetrics(options).registry.render()
    for (const procedure of [...options.procedures, 'other']) {
      expect(valueIn(text, `${PREFIX}in_procedure_call_size_bytes_histogram_count{procedure="${procedure}"}`)).toBe(0)
      for (const code of ['OK', 'FORBIDDEN_ERROR', 'INTERNAL_SERVER_ERROR']) {
        const labels = `{code="${code}",procedure="${procedure}"}`
        expect(valueIn(text, `${PREFIX}procedure_call_total${labels}`)).toBe(0)
        expect(valueIn(text, `${PREFIX}procedure_call_duration_seconds_histogram_count${labels}`)).toBe(0)
        expect(valueIn(text, `${PREFIX}out_procedure_call_size_bytes_histogram_sum${labels}`)).toBe(0)
      }
    }
    for (const event of PAIR_ACTIONS) {
      expect(valueIn(text, `${PREFIX}updates_sent_on_subscription_total{event="${event}"}`)).toBe(0)
    }
    expect(valueIn(text, `${PREFIX}connected_clients_total`)).toBe(0)
    expect(valueIn(text, `${PREFIX}connection_duration_seconds_histogram_count`)).toBe(0)
    expect(valueIn(text, 'http_requests_in_flight')).toBe(0)
  })

  test('sockets are counted under the codes of the list and no others, by their clients, and as lost', async () => {
    const text = await createMetrics(options).registry.render()
    const counted = [...text.matchAll(/^\w+_sockets_closed_total\{code="(\w+)"\} 0$/gm)].map(([, code]) => code)
    const codes = new Set(Object.values(CLOSE).map(({ code }) => String(code)))
    expect(counted.sort()).toEqual([...codes, 'client', 'lost'].sort())
  })

  test('a declared route is there too', async () => {
    const metrics = createMetrics(options)
    metrics.http.declareRoute('GET', '/v1/friendships/:userId')
    const series = 'http_request_duration_seconds_count{method="GET",route="/v1/friendships/:userId",code="200"}'
    expect(valueIn(await metrics.registry.render(), series)).toBe(0)
  })

  test('the process is measured, also with several apps in it', async () => {
    const texts = await Promise.all([
      createMetrics(options).registry.render(),
      createMetrics(options).registry.render()
    ])
    for (const text of texts) {
      expect(valueIn(text, 'process_resident_memory_bytes')).toBeGreaterThan(0)
      expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
      expect(text.match(/^# HELP nodejs_gc_duration_seconds /gm)).toHaveLength(1)
    }
  })
})

describe('afterwards', () => {
  test('a call counts with its time and its sizes', async () => {
    const metrics = createMetrics(options)
    metrics.rpc.callEnded({ ...CALL, durationMs: 4, bytesIn: 100, bytesOut: 2000 })
    metrics.rpc.callEnded({ ...CALL, durationMs: 300, bytesIn: 100, bytesOut: 0 })
    const text = await metrics.registry.render()
    const labels = 'code="OK",procedure="GetFriends"'
    expect(valueIn(text, `${PREFIX}procedure_call_total{${labels}}`)).toBe(2)
    const duration = `${PREFIX}procedure_call_duration_seconds_histogram`
    expect(valueIn(text, `${duration}_bucket{le="0.005",${labels}}`)).toBe(1)
    expect(valueIn(text, `${duration}_sum{${labels}}`)).toBeCloseTo(0.304)
    expect(valueIn(text, `${PREFIX}in_procedure_call_size_bytes_histogram_sum{procedure="GetFriends"}`)).toBe(200)
    expect(valueIn(text, `${PREFIX}out_procedure_call_size_bytes_histogram_sum{${labels}}`)).toBe(2000)
    expect(valueIn(text, `${PREFIX}procedure_call_total{code="OK",procedure="UpdateFriendshipEvent"}`)).toBe(0)
  })

  test('connections, updates and requests count', async () => {
    const metrics = createMetrics(options)
    metrics.http.declareRoute('GET', '/health/live')
    metrics.rpc.connectionOpened()
    metrics.rpc.connectionOpened()
    metrics.rpc.connectionClosed(42_000)
    metrics.rpc.socketEnded(1001)
    metrics.streams.updateSent('accept')
    metrics.http.requestStarted()
    metrics.http.requestStarted()
    metrics.http.requestEnded({ method: 'GET', route: '/health/live', status: 503, durationMs: 1 })
    const text = await metrics.registry.render()
    expect(valueIn(text, `${PREFIX}connected_clients_total`)).toBe(1)
    expect(valueIn(text, `${PREFIX}connection_duration_seconds_histogram_sum`)).toBe(42)
    expect(valueIn(text, `${PREFIX}sockets_closed_total{code="1001"}`)).toBe(1)
    expect(valueIn(text, `${PREFIX}sockets_closed_total{code="client"}`)).toBe(0)
    expect(valueIn(text, `${PREFIX}updates_sent_on_subscription_total{event="accept"}`)).toBe(1)
    expect(valueIn(text, 'http_requests_in_flight')).toBe(1)
    const labels = '{method="GET",route="/health/live",code="503"}'
    expect(valueIn(text, `http_request_duration_seconds_count${labels}`)).toBe(1)
  })

  test('names that clients make up add no series of their own', async () => {
    const metrics = createMetrics(options)
    for (let n = 0; n < 100; n += 1) {
      metrics.rpc.callEnded({ ...CALL, procedure: `Made${n}Up` })
      metrics.http.requestStarted()
      metrics.http.requestEnded({ method: 'BREW', route: `/made/up/${n}`, status: 404, durationMs: 1 })
    }
    const text = await metrics.registry.render()
    expect(valueIn(text, `${PREFIX}procedure_call_total{code="OK",procedure="other"}`)).toBe(100)
    expect(valueIn(text, 'http_request_duration_seconds_count{method="other",route="other",code="404"}')).toBe(100)
    expect(text).not.toMatch(/Made\d|made.up|BREW/)
  })

  test('apps do not share what they count, and other parts can count beside them', async () => {
    const [one, two] = [createMetrics(options), createMetrics(options)]
    one.registry.counter({ name: 'bus_messages_total', help: 'Messages on the bus', labels: {} }).inc(7)
    one.rpc.connectionOpened()
    expect(valueIn(await one.registry.render(), 'bus_messages_total')).toBe(7)
    const text = await two.registry.render()
    expect(valueIn(text, 'bus_messages_total')).toBeUndefined()
    expect(valueIn(text, `${PREFIX}connected_clients_total`)).toBe(0)
  })

  test('one call costs microseconds', () => {
    const metrics = createMetrics(options)
    const costOf = (calls: number): number => {
      const start = process.cpuUsage()
      for (let n = 0; n < calls; n += 1) metrics.rpc.callEnded({ ...CALL, bytesOut: n % 5000 })
      const { user, system } = process.cpuUsage(start)
      return (user + system) / calls
    }
    costOf(20_000)
    expect(costOf(100_000)).toBeLessThan(20)
  })
})

describe('a gauge that is read', () => {
  test('has the number of that moment, and none when it cannot be had', async () => {
    const registry = new MetricRegistry()
    let depth: number | null = 3
    registry.observe({ name: 'depth', help: 'Depth' }, async () => depth)
    registry.observeEach({ name: 'streams', help: 'Streams', label: 'kind' }, () => ({ updates: 1, positions: 0 }))
    const text = await registry.render()
    expect(['depth', 'streams{kind="updates"}', 'streams{kind="positions"}'].map(it => valueIn(text, it))).toEqual([
      3, 1, 0
    ])
    depth = null
    expect(valueIn(await registry.render(), 'depth')).toBeUndefined()
  })
})

test('the text is what Prometheus reads', async () => {
  const metrics = createMetrics(options)
  expect(metrics.registry.contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await metrics.registry.render()
  expect(text).toMatch(/\n$/)
  expect(text.split('\n').filter(line => !/^(#.*|[a-z_][a-z\d_]*(\{.*\})? \S+|)$/.test(line))).toEqual([])
})
