import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SocialError } from '../domain/errors.ts'
import type { Logger } from '../observability/logger.ts'
import { safeUrl } from '../observability/redaction.ts'
import { matrixBody, type Refusal, refusalOf, socialBody } from './errors.ts'

/** Answers whatever goes wrong in a route, and every request that no route takes. */
export function answerFailures(app: FastifyInstance, logger: Logger): void {
  const routes = new KnownRoutes()
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.add(each, url)
  })
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.status >= 500) report(logger, error, request)
    return refuse(refusal, request, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    const methods = routes.methodsAt(request.url)
    if (methods.length === 0) {
      return refuse({ status: 404, errcode: 'M_UNRECOGNIZED', message: 'There is nothing here' }, request, reply)
    }
    reply.header('allow', [...methods, 'OPTIONS'].join(', '))
    return refuse({ status: 405, errcode: 'M_UNRECOGNIZED', message: 'Not with this method' }, request, reply)
  })
}

/** Sends a refusal in the shape of the part of the API that was called. */
export function refuse(refusal: Refusal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.send(refusalBody(refusal, request, reply))
}

/** The body of a refusal, for a reply that is made ready for it. */
export function refusalBody(refusal: Refusal, request: FastifyRequest, reply: FastifyReply): string {
  const isMatrix = (request.routeOptions.url ?? request.url).startsWith('/_matrix/')
  if (refusal.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(refusal.retryAfterMs / 1000))
  // To read what else comes on the connection would cost as much again.
  if (refusal.status === 429) reply.header('connection', 'close')
  reply.code(refusal.status).type('application/json')
  // Past the serializer of the route: an error has the same shape whichever schema the route has.
  return JSON.stringify(isMatrix ? matrixBody(refusal) : socialBody(refusal))
}

/** Longest time for which the work of a request counts whose client is gone, in milliseconds. */
const WORK_MS = 30_000
const made = new WeakSet<object>()
const unmade = new WeakMap<object, (() => void)[]>()

/** Lets {@link whenOver} know that an answer is made. */
export function answerMade({ raw }: FastifyReply): void {
  made.add(raw)
  for (const call of unmade.get(raw) ?? []) call()
  unmade.delete(raw)
}

/**
 * Has something called once, when a request costs nothing any more: its answer is made, and the client has taken it or
 * is gone. To go away early is no way to have more work done at a time.
 */
export function whenOver({ raw }: FastifyReply, call: () => void): void {
  const gone = (): void => {
    if (made.has(raw)) {
      call()
      return
    }
    const timer = setTimeout(call, WORK_MS).unref()
    const answered = (): void => {
      clearTimeout(timer)
      call()
    }
    unmade.set(raw, [...(unmade.get(raw) ?? []), answered])
  }
  if (raw.destroyed) gone()
  else raw.once('close', gone)
}

const CLIENT_ERRORS: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431
}

/** Answers what is no HTTP request. Which part of the API was called is not known: it gets the fields of both. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400
  const reason = STATUS_CODES[status]
  const refusal = { status, errcode: 'M_UNKNOWN', message: reason ?? '' }
  const body = JSON.stringify({ ...matrixBody(refusal), ...socialBody(refusal) })
  const headers = `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${headers}\r\n\r\n${body}`)
}

function report(logger: Logger, error: unknown, { id, client, method, url }: FastifyRequest): void {
  const where = { requestId: id, client: client.ip, method, url: safeUrl(url) }
  // A part that is away is no fault of the code: a line with a stack for each request would only hide real faults.
  if (error instanceof SocialError) logger.warn({ ...where, code: error.code }, error.message)
  else logger.error({ ...where, err: error }, 'A request failed')
}

/** The methods that each route is served with, so that a wrong method is told apart from a wrong path. */
class KnownRoutes {
  readonly #routes = new Map<string, { readonly parts: readonly string[]; readonly methods: Set<string> }>()

  /** @param pattern as Fastify has it, such as `/v1/friendships/:userId` */
  add(method: string, pattern: string): void {
    if (pattern.includes('*')) return
    const route = this.#routes.get(pattern) ?? { parts: pattern.split('/'), methods: new Set() }
    this.#routes.set(pattern, route)
    route.methods.add(method)
  }

  /** What the path of a URL could have been asked for with; nothing when there is no such path. */
  methodsAt(url: string): string[] {
    const [path = ''] = url.split('?', 1)
    const given = path.split('/')
    const fits = (parts: readonly string[]): boolean =>
      parts.length === given.length && parts.every((part, index) => part.startsWith(':') || part === given[index])
    const routes = [...this.#routes.values()].filter(({ parts }) => fits(parts))
    return [...new Set(routes.flatMap(({ methods }) => [...methods]))]
  }
}
