import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler
} from 'fastify-type-provider-zod'
import { SocialError } from '../domain/errors.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { safeUrl } from '../observability/redaction.ts'
import { isUnforeseen, MatrixError, matrixAnswer, socialAnswer } from './errors.ts'

export interface RouterOptions {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly publicUrl: string
  /** Bytes of a request body. */
  readonly bodyLimit: number
  /** Origins of browsers that may call; `*` is all. */
  readonly corsOrigins: readonly string[] | '*'
  /** Addresses of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
}

/** The HTTP server without routes: what every route has in common. */
export async function createRouter(options: RouterOptions): Promise<FastifyInstance> {
  const { logger, metrics, bodyLimit, corsOrigins, trustedProxies } = options
  const app = Fastify({
    bodyLimit,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 500 }
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)

  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) metrics.declareRoute(each, url)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    metrics.httpStarted()
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? ''
    metrics.httpEnded(request.method, route, reply.statusCode, reply.elapsedTime / 1000)
  })
  app.setErrorHandler((error, request, reply) => {
    if (isUnforeseen(error)) {
      const { id, method, url } = request
      logger.error({ err: error, requestId: id, method, url: safeUrl(url) }, 'A request failed')
    }
    return answerError(error, request, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    const error = isMatrix(request)
      ? new MatrixError(404, 'M_UNRECOGNIZED', 'Unrecognized request')
      : new SocialError('not_found', 'There is nothing here')
    return answerError(error, request, reply)
  })

  await app.register(cors, {
    origin: corsOrigins === '*' ? '*' : [...corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Requested-With', 'Date'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 86_400
  })
  await describe(app, options.publicUrl)
  return app
}

/** The description of all routes, from the schemas that validate them, and a page to read it on. */
async function describe(app: FastifyInstance, url: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Social Service',
        version: '1',
        description: 'Friendships of a Decentraland world. The WebSocket RPC is described in docs/protocol.md.'
      },
      servers: [{ url }],
      components: { securitySchemes: { accessToken: { type: 'http', scheme: 'bearer' } } }
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}

function isMatrix(request: FastifyRequest): boolean {
  return request.url.startsWith('/_matrix')
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = isMatrix(request) ? matrixAnswer(error) : socialAnswer(error)
  if (error instanceof SocialError && error.retryAfterMs !== undefined) {
    reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000))
  }
  // Past the serializer of the route: an error has the same shape whichever schema the route has.
  return reply.code(status).type('application/json').send(JSON.stringify(body))
}
