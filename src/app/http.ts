import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { MatrixIds } from '../matrix/ids.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { accountRoutes } from '../rest/account.ts'
import { friendshipStateRoutes } from '../rest/friendship-state.ts'
import { friendshipRoutes } from '../rest/friendships.ts'
import { type HealthCheck, healthRoutes } from '../rest/health.ts'
import { loginRoutes } from '../rest/login.ts'
import { createRouter } from '../rest/router.ts'
import { sessionRoutes } from '../rest/session.ts'
import type { Social } from './social.ts'

/** A client that reads nothing for so long is gone. Longer than any answer takes, also a long poll of Matrix. */
const SILENCE_MS = 120_000

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
  const ids = new MatrixIds(config.serverName)
  const app = await createRouter({
    logger,
    metrics,
    publicUrl: config.publicHttpUrl ?? '/',
    bodyLimit: config.http.bodyLimitBytes,
    requestTimeoutMs: config.http.requestTimeoutMs,
    silenceMs: SILENCE_MS,
    graceMs: config.shutdownGraceMs,
    corsOrigins: config.http.corsOrigins,
    trustedProxies: config.trustedProxies
  })
  await app.register(healthRoutes, { checks, isServing, metrics, metricsToken: config.metricsToken })
  await app.register(loginRoutes, { sessions, ids })
  await app.register(sessionRoutes, { sessions, ids })
  await app.register(friendshipRoutes, { friends, sessions, maxPageSize: config.limits.maxListPage })
  await app.register(accountRoutes, { sessions, settings })
  // With a homeserver the event belongs in a room that is really there, and is the proxy's affair.
  if (config.matrix === null) await app.register(friendshipStateRoutes, { friends, sessions, ids })
  await app.ready()
  return app
}
