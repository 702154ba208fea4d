import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import type { Admission } from '../admission/admission.ts'
import { SIGNED_FETCH_HEADERS } from '../auth/signed-fetch.ts'
import type { HttpMetrics } from '../observability/http-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import { answerClientError, answerFailures, refuse } from './answers.ts'
import { boundAnswers } from './answers-under-way.ts'
import { decorateClient } from './client.ts'
import { closeInTime } from './closing.ts'
import { type ConnectionLimits, HttpConnections } from './connections.ts'
import { describeRoutes } from './docs.ts'
import { refusalOf } from './errors.ts'
import { validatorCompiler } from './input.ts'

export interface HttpServerOptions {
  readonly admission: Admission
  readonly logger: Logger
  readonly metrics: HttpMetrics
  readonly publicUrl: string
  /** Bytes of a request body. */
  readonly bodyLimit: number
  /** Longest time that a request may take to arrive in full, in milliseconds. */
  readonly requestTimeoutMs: number
  /** Longest time for which nothing moves on a connection while a request is answered, in milliseconds. */
  readonly silenceMs: number
  /** Longest time that a close, when it begins, waits for requests that are being answered, in milliseconds. */
  readonly graceMs: () => number
  readonly connections: ConnectionLimits
  /** Origins of browsers that may call; `*` is all. */
  readonly corsOrigins: readonly string[] | '*'
  /** Addresses of proxies whose word is taken on how and under which name they were called. */
  readonly trustedProxies: readonly string[]
}

/** How often requests that do not get anywhere are looked for, in milliseconds. */
const CHECK_MS = 1_000
/** Longer than that of the usual load balancers: the one in front of a connection should be the one that ends it. */
const KEEP_ALIVE_MS = 75_000
/** Characters of one part of a path, decoded: a Matrix id has up to 255 bytes. */
const MAX_PARAM_LENGTH = 500

/** What every answer says: it is nobody else's, to be taken for what it is, and for no page to show. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY'
}

/** The HTTP server without routes: what every route has in common. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { admission, logger, metrics, requestTimeoutMs, graceMs, corsOrigins, trustedProxies } = options
  const connections = new HttpConnections(admission, options.connections)
  const begin = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.header('x-request-id', request.id).headers(HEADERS)
    count(metrics, request, reply)
  }
  const app = Fastify({
    bodyLimit: options.bodyLimit,
    connectionTimeout: options.silenceMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: requestTimeoutMs,
    http: {
      // Fastify sets its own only when Node has drawn the deadline for the headers from this one.
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, requestTimeoutMs)
    },
    serverFactory: (handle, all) => connections.serve(handle, all),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    // What still comes on an open connection while the server closes is answered, and is the last of its connection.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    clientErrorHandler: answerClientError,
    // What is refused before there is a route: no hook has run.
    frameworkErrors: (error, request, reply) => {
      begin(request, reply)
      refuse(refusalOf(error), request, reply)
    }
  })
  decorateClient(app, admission.addresses)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  // Fastify takes plain text too, which no route does.
  app.removeContentTypeParser('text/plain')

  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) metrics.declareRoute(each, url)
  })
  app.addHook('onRequest', async (request, reply) => begin(request, reply))
  boundAnswers(app, admission)
  answerFailures(app, logger)
  closeInTime(app, graceMs)

  await app.register(cors, {
    origin: corsOrigins === '*' ? '*' : [...corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Requested-With', 'Date', ...SIGNED_FETCH_HEADERS],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 86_400,
    strictPreflight: false
  })
  await describeRoutes(app, options.publicUrl)
  return app
}

/** Counts a request by the pattern of its route, also one whose client does not wait for the answer. */
function count(metrics: HttpMetrics, request: FastifyRequest, { raw }: FastifyReply): void {
  const { method } = request
  const route = request.routeOptions.url ?? ''
  const start = performance.now()
  metrics.requestStarted()
  raw.once('close', () => {
    const status = raw.headersSent ? raw.statusCode : CLIENT_WENT_AWAY
    metrics.requestEnded({ method, route, status, durationMs: performance.now() - start })
  })
}

/** As nginx has it: no answer was sent, because nobody was there any more. */
const CLIENT_WENT_AWAY = 499
