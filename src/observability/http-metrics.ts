import type { MetricRegistry } from './metric-registry.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const OTHER = 'other'

export type HttpMetrics = ReturnType<typeof httpMetrics>

/** Counts what the HTTP server does. */
export function httpMetrics(registry: MetricRegistry) {
  const seconds = registry.histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from an HTTP request to the end of its answer',
    labels: { method: [OTHER], route: [OTHER], code: ['404'] },
    buckets: SECONDS
  })
  const inFlight = registry.gauge({ name: 'http_requests_in_flight', help: 'HTTP requests that are being answered' })
  const routes = new Set<string>()
  return {
    /** Makes a route known by its pattern, so that it is counted by its name and shown before its first request. */
    declareRoute(method: string, route: string): void {
      routes.add(`${method} ${route}`)
      seconds.zero({ method, route, code: 200 })
    },
    requestStarted(): void {
      inFlight.inc()
    },
    requestEnded({ method, route, status, durationMs }: EndedRequest): void {
      inFlight.dec()
      const labels = routes.has(`${method} ${route}`) ? { method, route } : { method: OTHER, route: OTHER }
      seconds.observe({ ...labels, code: status }, durationMs / 1000)
    }
  }
}

interface EndedRequest {
  readonly method: string
  /** The pattern of its route; one that was not declared is counted as `other`. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
}
