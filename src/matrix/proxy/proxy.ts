import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { SocialError } from '../../domain/errors.ts'
import type { ConcurrencyLimit } from '../../lib/concurrency-limit.ts'
import { HomeserverError } from '../client/errors.ts'
import type { JsonObject } from '../client/http.ts'
import { MatrixError } from '../client/matrix-error.ts'
import { readJson } from './body.ts'
import { publicFailure } from './failures.ts'
import { Forwarder, type ForwarderLimits, type ProxyRequest, type Requester } from './forwarder.ts'
import { parsePath } from './path.ts'
import { RequestLifetime } from './request-lifetime.ts'
import { matchRoute, type Route, type RuleName } from './routes.ts'
import { FORWARD, type PublicRule, type Rule, type RuleResult } from './rules/rule.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamAuth } from './upstream-auth.ts'

export interface ProxyDeps {
  readonly routes: readonly Route[]
  /** Of requests of users. */
  readonly rules: Readonly<Partial<Record<RuleName, Rule>>>
  /** Of requests of anyone. */
  readonly publicRules: Readonly<Partial<Record<RuleName, PublicRule>>>
  readonly gate: UpstreamAuth
  readonly upstream: Upstream
  readonly slots: ConcurrencyLimit
  readonly limits: ProxyLimits
  /** The token that a request carries. @throws MatrixError when it carries none */
  readonly tokenOf: (request: FastifyRequest) => string
}

interface ProxyLimits extends ForwarderLimits {
  /** Bytes of a body that a rule reads, of other JSON, and of media. */
  readonly bodyBytes: Readonly<Record<'read' | 'json' | 'media', number>>
}

/** Everything under `/_matrix` that no other route serves: what the table allows goes to the homeserver. */
export const matrixProxy: FastifyPluginAsync<ProxyDeps> = async (app, deps) => {
  const proxy = new MatrixProxy(deps)
  // Bodies are left where they are: most of them only pass through.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload))
  app.addHook('preClose', async () => proxy.endPolls())
  app.route({
    method: ['GET', 'POST', 'PUT'],
    url: '/_matrix/*',
    exposeHeadRoute: false,
    schema: { hide: true },
    handler: (request, reply) => proxy.handle(request, reply)
  })
}

class MatrixProxy {
  readonly #deps: ProxyDeps
  readonly #forwarder: Forwarder
  readonly #polls = new Set<RequestLifetime>()

  constructor(deps: ProxyDeps) {
    this.#deps = deps
    this.#forwarder = new Forwarder(deps)
  }

  async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const url = request.raw.url ?? ''
    const path = parsePath(url)
    const match = path && matchRoute(this.#deps.routes, request.method, path)
    if (!match) throw new MatrixError(404, 'M_UNRECOGNIZED', 'There is nothing here')
    const exchange = new RequestLifetime(reply)
    if (match.route.answer === 'poll') this.#keep(exchange)
    try {
      const visitor = await this.#enter(match.route, request, exchange)
      const query = queryOf(url, match.route)
      return await this.#pass({ ...path, ...match, request, query, visitor, exchange }, reply)
    } catch (error) {
      if (!exchange.isOver) throw publicFailure(error)
      reply.hijack()
      return reply
    }
  }

  /** Ends what would keep the server from closing for a minute. */
  endPolls(): void {
    for (const exchange of this.#polls) exchange.abort()
  }

  #keep(exchange: RequestLifetime): void {
    this.#polls.add(exchange)
    exchange.whenOver(() => this.#polls.delete(exchange))
  }

  async #enter(route: Route, request: FastifyRequest, exchange: RequestLifetime): Promise<Requester | null> {
    const { gate, tokenOf } = this.#deps
    if (route.access === 'anyone') {
      exchange.whenOver(this.#acquire(request.ip))
      return null
    }
    const token = tokenOf(request)
    const holder = await gate.authenticate(token)
    exchange.whenOver(this.#acquire(holder.address))
    return { holder, token: await gate.tokenOf(holder, token) }
  }

  /** Counts a request, until it is over. @throws SocialError `too_many_requests`, `unavailable` */
  #acquire(key: string): () => void {
    const acquired = this.#deps.slots.acquire(key)
    if ('release' in acquired) return acquired.release
    if (acquired.reached === 'total') throw new SocialError('unavailable', 'The server is full, try again', 1_000)
    throw new SocialError('too_many_requests', 'Too many requests at a time', 1_000)
  }

  async #pass(passage: ProxyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { request, route } = passage
    const body = route.body === 'read' ? await readJson(request.raw, this.#deps.limits.bodyBytes.read) : null
    const { verdict, visitor } = await this.#judge(passage, body ?? {})
    if (verdict.kind === 'answer') return reply.code(verdict.status).send(verdict.body)
    const answer = await this.#forwarder.forward({ ...passage, visitor }, { body, ...verdict })
    return reply.code(answer.status).headers(answer.headers).send(answer.body)
  }

  /** Decides, once more with another token when the homeserver has forgotten the one that we have for the visitor. */
  async #judge(passage: ProxyRequest, body: JsonObject): Promise<{ verdict: RuleResult; visitor: Requester | null }> {
    const { visitor } = passage
    try {
      return { verdict: await this.#decide(passage, body), visitor }
    } catch (error) {
      const isForgotten = error instanceof HomeserverError && error.kind === 'unauthorized'
      if (!isForgotten || visitor === null) throw error
      const token = await this.#deps.gate.renewedTokenOf(visitor.holder, visitor.token)
      if (token === null) throw new SocialError('unauthorized', 'Invalid access token')
      const renewed = { ...visitor, token }
      return { verdict: await this.#decide({ ...passage, visitor: renewed }, body), visitor: renewed }
    }
  }

  #decide({ route, params, query, visitor }: ProxyRequest, body: JsonObject): RuleResult | Promise<RuleResult> {
    if (route.rule === null) return FORWARD
    const { rules, publicRules } = this.#deps
    const call = { params, query, body }
    if (visitor === null) return ruleOf(publicRules, route.rule)(call)
    const { holder, token } = visitor
    return ruleOf(rules, route.rule)({ ...call, holder, actor: holder.address, token })
  }
}

/** A route whose rule is not there must not be open. */
function ruleOf<R>(rules: Readonly<Partial<Record<RuleName, R>>>, name: RuleName): R {
  const rule = rules[name]
  if (!rule) throw new Error(`There is no rule ${name}`)
  return rule
}

function queryOf(url: string, route: Route): URLSearchParams {
  const given = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))
  const query = new URLSearchParams()
  for (const name of route.query) {
    const value = given.get(name)
    if (value !== null) query.set(name, value)
  }
  return query
}
