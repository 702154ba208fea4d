import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { SocialError } from '../domain/errors.ts'
import { shared } from '../lib/single-flight.ts'
import type { MetricRegistry } from '../observability/metric-registry.ts'
import { bearerOf, isSameSecret } from './auth.ts'
import { content, WITH_TOKEN } from './schemas.ts'

/** Says whether one part of the service works; resolves or rejects within its own deadline. */
export type HealthCheck = () => Promise<unknown>

interface HealthRoutesDeps {
  /** By the name of the part. */
  readonly checks: Readonly<Record<string, HealthCheck>>
  /** What is wrong with a part without which requests are served all the same; null when nothing is. */
  readonly warnings: Readonly<Record<string, () => string | null>>
  /** Whether everything is started, and nothing is being stopped. */
  readonly isServing: () => boolean
  readonly metrics: MetricRegistry
  /** Who may read the metrics; nobody, when null. */
  readonly metricsToken: string | null
}

/** The media type of answers about health (draft-inadarei-api-health-check). */
const HEALTH = 'application/health+json'
const STATUS = z.enum(['pass', 'fail'])
const STARTED = z.object({ status: STATUS })
const DETAIL = z.object({ status: z.enum(['pass', 'warn', 'fail']), output: z.string().optional() })
const READY = z.object({ details: z.record(z.string(), DETAIL), status: STATUS })

/** What operators ask: is it alive, is it ready, how is it doing. */
export const healthRoutes: FastifyPluginAsyncZod<HealthRoutesDeps> = async (app, deps) => {
  const { isServing, metrics, metricsToken } = deps
  const checks = Object.entries(deps.checks).map(([name, check]) => [name, sharedCheck(check)] as const)
  const describe = (summary: string) => ({ summary, tags: ['operation'] })
  const statuses = (schema: z.ZodType) => ({ 200: content('Yes', schema, HEALTH), 503: content('No', schema, HEALTH) })

  app.get(
    '/health/live',
    { schema: { ...describe('The process runs'), response: { 200: content('`"alive"`', z.string()) } } },
    async (_, reply) => reply.type('application/json').send('"alive"')
  )

  app.get(
    '/health/startup',
    { schema: { ...describe('Everything is started'), response: statuses(STARTED) } },
    async (_, reply) => {
      const started = isServing()
      const body = { status: statusOf(started) }
      return reply
        .code(started ? 200 : 503)
        .type(HEALTH)
        .send(JSON.stringify(body))
    }
  )

  app.get(
    '/health/ready',
    { schema: { ...describe('Requests can be served'), response: statuses(READY) } },
    async (_, reply) => {
      const results = await Promise.all(checks.map(async ([name, check]) => [name, await check()] as const))
      const ready = isServing() && results.every(([, passes]) => passes)
      const details = results.map(([name, passes]) => [name, { status: statusOf(passes) }])
      const warnings = Object.entries(deps.warnings).map(([name, warning]) => [name, warningOf(warning())])
      const body = { details: Object.fromEntries([...details, ...warnings]), status: statusOf(ready) }
      return reply
        .code(ready ? 200 : 503)
        .type(HEALTH)
        .send(JSON.stringify(body))
    }
  )

  if (metricsToken !== null) {
    const response = { 200: content('All metrics', z.string(), 'text/plain') }
    app.get(
      '/metrics',
      { schema: { ...describe('Prometheus metrics'), ...WITH_TOKEN, response } },
      async (request, reply) => {
        if (!isSameSecret(bearerOf(request) ?? '', metricsToken)) {
          throw new SocialError('unauthorized', 'The metrics need their own token')
        }
        return reply.type(metrics.contentType).send(await metrics.render())
      }
    )
  }
}

/** Whether the check passes. Anybody may call: calls while it runs share its outcome. */
function sharedCheck(check: HealthCheck): () => Promise<boolean> {
  return shared(() =>
    check().then(
      () => true,
      () => false
    )
  )
}

function warningOf(output: string | null): z.infer<typeof DETAIL> {
  return output === null ? { status: 'pass' } : { status: 'warn', output }
}

function statusOf(passes: boolean): z.infer<typeof STATUS> {
  return passes ? 'pass' : 'fail'
}
