import { Counter } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/observability/metrics.ts'

const PREFIX = 'dcl_social_service_rpc_'
const names = {
  procedures: ['GetFriends', 'UpdateFriendshipEvent'],
  codes: ['OK', 'FORBIDDEN_ERROR'],
  events: ['request', 'accept'],
  beginnings: ['fresh', 'resumed'],
  ends: ['1001', 'client']
}

/** The value of one series, or undefined when it is not there. */
function valueIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('from the start', () => {
  test('every series of the names given is there, at zero', async () => {
    const text = await createMetrics(names).render()
    for (const procedure of [...names.procedures, 'other']) {
      expect(valueIn(text, `${PREFIX}in_procedure_call_size_bytes_histogram_count{procedure="${procedure}"}`)).toBe(0)
      for (const code of names.codes) {
        const labels = `{code="${code}",procedure="${procedure}"}`
        expect(valueIn(text, `${PREFIX}procedure_call_total${labels}`)).toBe(0)
        expect(valueIn(text, `${PREFIX}procedure_call_duration_seconds_histogram_count${labels}`)).toBe(0)
        expect(valueIn(text, `${PREFIX}out_procedure_call_size_bytes_histogram_sum${labels}`)).toBe(0)
      }
    }
    for (const event of names.events) {
      expect(valueIn(text, `${PREFIX}updates_sent_on_subscription_total{event="${event}"}`)).toBe(0)
    }
    expect(valueIn(text, `${PREFIX}connected_clients_total`)).toBe(0)
    expect(valueIn(text, `${PREFIX}connection_duration_seconds_histogram_count`)).toBe(0)
    expect(valueIn(text, 'http_requests_in_flight')).toBe(0)
  })

  test('a declared route is there too', async () => {
    const metrics = createMetrics(names)
    metrics.declareRoute('GET', '/v1/friendships/:userId')
    const series = 'http_request_duration_seconds_count{method="GET",route="/v1/friendships/:userId",code="200"}'
    expect(valueIn(await metrics.render(), series)).toBe(0)
  })

  test('the process is measured, also with several apps in it', async () => {
    const texts = await Promise.all([createMetrics(names).render(), createMetrics(names).render()])
    for (const text of texts) {
      expect(valueIn(text, 'process_resident_memory_bytes')).toBeGreaterThan(0)
      expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
      expect(text.match(/^# HELP nodejs_gc_duration_seconds /gm)).toHaveLength(1)
    }
  })
})

describe('afterwards', () => {
  test('a call counts with its time and its sizes', async () => {
    const metrics = createMetrics(names)
    metrics.callEnded('GetFriends', 'OK', 0.004, 100, 2000)
    metrics.callEnded('GetFriends', 'OK', 0.3, 100, 0)
    const text = await metrics.render()
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
    const metrics = createMetrics(names)
    metrics.declareRoute('GET', '/health/live')
    metrics.connectionOpened()
    metrics.connectionOpened()
    metrics.connectionEnded(42)
    metrics.socketEnded('1001')
    metrics.updateSent('accept')
    metrics.httpStarted()
    metrics.httpStarted()
    metrics.httpEnded('GET', '/health/live', 503, 0.001)
    const text = await metrics.render()
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
    const metrics = createMetrics(names)
    for (let n = 0; n < 100; n += 1) {
      metrics.callEnded(`Made${n}Up`, 'OK', 0.001, 1, 1)
      metrics.callEnded('GetFriends', `CODE_${n}`, 0.001, 1, 1)
      metrics.updateSent(`made-up-${n}`)
      metrics.httpStarted()
      metrics.httpEnded('BREW', `/made/up/${n}`, 404, 0.001)
    }
    const text = await metrics.render()
    expect(valueIn(text, `${PREFIX}procedure_call_total{code="OK",procedure="other"}`)).toBe(100)
    expect(valueIn(text, `${PREFIX}procedure_call_total{code="other",procedure="GetFriends"}`)).toBe(100)
    expect(valueIn(text, `${PREFIX}updates_sent_on_subscription_total{event="other"}`)).toBe(100)
    expect(valueIn(text, 'http_request_duration_seconds_count{method="other",route="other",code="404"}')).toBe(100)
    expect(text).not.toMatch(/Made\d|made.up|BREW|CODE_/)
  })

  test('apps do not share what they count, and other parts can count beside them', async () => {
    const [one, two] = [createMetrics(names), createMetrics(names)]
    new Counter({ name: 'bus_messages_total', help: 'Messages on the bus', registers: [one.registry] }).inc(7)
    one.connectionOpened()
    expect(valueIn(await one.render(), 'bus_messages_total')).toBe(7)
    const text = await two.render()
    expect(valueIn(text, 'bus_messages_total')).toBeUndefined()
    expect(valueIn(text, `${PREFIX}connected_clients_total`)).toBe(0)
  })

  test('one call costs microseconds', () => {
    const metrics = createMetrics(names)
    const costOf = (calls: number): number => {
      const start = process.cpuUsage()
      for (let n = 0; n < calls; n += 1) metrics.callEnded('GetFriends', 'OK', 0.001, 100, n % 5000)
      const { user, system } = process.cpuUsage(start)
      return (user + system) / calls
    }
    costOf(20_000)
    expect(costOf(100_000)).toBeLessThan(20)
  })
})

test('the text is what Prometheus reads', async () => {
  const metrics = createMetrics(names)
  expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await metrics.render()
  expect(text).toMatch(/\n$/)
  expect(text.split('\n').filter(line => !/^(#.*|[a-z_][a-z\d_]*(\{.*\})? \S+|)$/.test(line))).toEqual([])
})
