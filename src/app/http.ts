import type { FastifyInstance } from 'fastify'
import type { Admission } from '../admission/admission.ts'
import type { UserLimits } from '../admission/user-limits.ts'
import type { Config } from '../config/config.ts'
import { type HealthCheck, healthRoutes } from '../http/health.ts'
import { createHttpServer } from '../http/server.ts'
import { type ServiceRoutesDeps, serviceRoutes } from '../http/services/users.ts'
import { accountRoutes } from '../http/v1/account.ts'
import { friendshipRoutes } from '../http/v1/friendships.ts'
import { muteRoutes } from '../http/v1/mutes.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Matrix } from './matrix.ts'
import type { Social } from './social.ts'

/** A client that reads nothing for so long is gone. Longer than any answer takes, also a long poll of Matrix. */
const SILENCE_MS = 120_000

interface HttpDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly admission: Admission
  readonly userLimits: UserLimits
  readonly social: Social
  readonly services: ServiceRoutesDeps
  readonly matrix: Matrix
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly isServing: () => boolean
  /** Longest time that a close may still take, in milliseconds. */
  readonly graceMs: () => number
}

/** The HTTP server with all its routes, not listening yet. */
export async function createHttp(deps: HttpDeps): Promise<FastifyInstance> {
  const { config, logger, metrics, admission, userLimits, social, matrix, checks, isServing, graceMs } = deps
  const { friends, settings, mutes, openRequests, signedFetches } = social
  const users = { sessions: matrix.authenticator, openRequests, signedFetches, admission, userLimits }
  const app = await createHttpServer({
    admission,
    logger,
    metrics: metrics.http,
    publicUrl: config.publicHttpUrl ?? '/',
    bodyLimit: config.http.bodyLimitBytes,
    requestTimeoutMs: config.http.requestTimeoutMs,
    silenceMs: SILENCE_MS,
    graceMs,
    connections: { requests: config.http.maxRequests, takeMs: config.http.answerTimeoutMs },
    corsOrigins: config.http.corsOrigins,
    trustedProxies: config.trustedProxies
  })
  await app.register(healthRoutes, {
    checks,
    warnings: { ...social.warnings, ...matrix.warnings },
    isServing,
    metrics: metrics.registry,
    metricsToken: config.metricsToken
  })
  await matrix.register(app)
  const { maxListPage: maxPageSize, maxAnswerBytes } = config.limits
  await app.register(friendshipRoutes, { ...users, friends, maxPageSize, maxAnswerBytes })
  await app.register(muteRoutes, { ...users, mutes, maxPageSize, maxAnswerBytes })
  await app.register(accountRoutes, { ...users, settings })
  await app.register(serviceRoutes, deps.services)
  await app.ready()
  return app
}
