import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { accountRoutes } from '../rest/account.ts'
import { friendshipRoutes } from '../rest/friendships.ts'
import { type HealthCheck, healthRoutes } from '../rest/health.ts'
import { loginRoutes } from '../rest/login.ts'
import { createRouter } from '../rest/router.ts'
import type { Social } from './social.ts'

interface HttpFoundation {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly social: Social
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly isServing: () => boolean
}

/** The HTTP server with all its routes, not listening yet. */
export async function createHttp(foundation: HttpFoundation): Promise<FastifyInstance> {
  const { config, logger, metrics, social, checks, isServing } = foundation
  const { friends, sessions, settings } = social
  const app = await createRouter({
    logger,
    metrics,
    publicUrl: config.publicHttpUrl ?? '/',
    bodyLimit: config.http.bodyLimitBytes,
    corsOrigins: config.http.corsOrigins,
    trustedProxies: config.trustedProxies
  })
  await app.register(healthRoutes, { checks, isServing, metrics, metricsToken: config.metricsToken })
  await app.register(loginRoutes, { sessions, serverName: config.serverName })
  await app.register(friendshipRoutes, { friends, sessions, maxPageSize: config.limits.maxListPage })
  await app.register(accountRoutes, { sessions, settings })
  await app.ready()
  return app
}
