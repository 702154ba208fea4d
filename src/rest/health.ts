import type { FastifyPluginAsync } from 'fastify'
import { SocialError } from '../domain/errors.ts'
import type { Metrics } from '../observability/metrics.ts'
import { bearerOf, isSameSecret } from './bearer.ts'

/** Says whether one part of the service works; resolves or rejects within its own deadline. */
export type HealthCheck = () => Promise<unknown>

interface HealthRoutesParts {
  /** By the name of the part. */
  readonly checks: Readonly<Record<string, HealthCheck>>
  /** Whether everything is started, and nothing is being stopped. */
  readonly isServing: () => boolean
  readonly metrics: Metrics
  /** Who may read the metrics; nobody, when null. */
  readonly metricsToken: string | null
}

type Status = 'pass' | 'fail'

/** What operators ask: is it alive, is it ready, how is it doing. */
export const healthRoutes: FastifyPluginAsync<HealthRoutesParts> = async (
  app,
  { checks, isServing, metrics, metricsToken }
) => {
  app.get('/health/live', { schema: { summary: 'The process runs', tags: ['operation'] } }, async (_, reply) =>
    reply.type('application/json').send('"alive"')
  )

  app.get('/health/startup', { schema: { summary: 'Everything is started', tags: ['operation'] } }, async (_, reply) =>
    reply.code(isServing() ? 200 : 503).send({ status: isServing() ? 'pass' : 'fail' })
  )

  app.get('/health/ready', { schema: { summary: 'Requests can be served', tags: ['operation'] } }, async (_, reply) => {
    const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await run(check)]))
    const details = Object.fromEntries(results.map(([name, status]) => [name, { status }]))
    const ready = isServing() && results.every(([, status]) => status === 'pass')
    return reply
      .code(ready ? 200 : 503)
      .type('application/health+json')
      .send(JSON.stringify({ details, status: ready ? 'pass' : 'fail' }))
  })

  if (metricsToken !== null) {
    app.get('/metrics', { schema: { summary: 'Prometheus metrics', tags: ['operation'] } }, async (request, reply) => {
      if (!isSameSecret(bearerOf(request) ?? '', metricsToken)) {
        throw new SocialError('unauthorized', 'The metrics need their own token')
      }
      return reply.type(metrics.contentType).send(await metrics.render())
    })
  }
}

async function run(check: HealthCheck): Promise<Status> {
  return check().then(
    () => 'pass',
    () => 'fail'
  )
}
