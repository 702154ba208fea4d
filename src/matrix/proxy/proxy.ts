import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from '../../admission/admission.ts'
import { type ErrorCode, SocialError } from '../../domain/errors.ts'
import type { ConcurrencyLimit } from '../../lib/concurrency-limit.ts'
import { authenticateFrom } from '../../sessions/admitted.ts'
import type { UpstreamAuth } from '../../sessions/authenticator.ts'
import type { OpenRequests } from '../../sessions/open-requests.ts'
import { HomeserverError, type HomeserverErrorKind } from '../client/errors.ts'
import type { JsonObject } from '../client/http.ts'
import { MatrixError } from '../client/matrix-error.ts'
import { readJson } from './body.ts'
import { Forwarder, type ForwarderLimits, type ProxyRequest, type Requester } from './forwarder.ts'
import { parsePath } from './path.ts'
import { RequestLifetime } from './request-lifetime.ts'
import { forwardedQuery, isAwaitedByLogout, matchRoute, type Route, type RuleName } from './route.ts'
import { FORWARD, type PublicRule, type Rule, type RuleResult } from './rules/rule.ts'
import type { Upstream } from './upstream.ts'

export interface ProxyDeps {
  readonly routes: readonly Route[]
  /** Of requests of users. */
  readonly rules: Readonly<Partial<Record<RuleName, Rule>>>
  /** Of requests of anyone. */
  readonly publicRules: Readonly<Partial<Record<RuleName, PublicRule>>>
  readonly auth: UpstreamAuth
  readonly openRequests: OpenRequests
  readonly admission: Admission
  readonly upstream: Upstream
  readonly concurrency: ConcurrencyLimit
  readonly limits: ProxyLimits
  /** The token that a request carries. @throws MatrixError when it carries none */
  readonly readToken: (request: FastifyRequest) => string
}

interface ProxyLimits extends ForwarderLimits {
  /** Bytes of a body that a rule reads, of other JSON, and of media. */
  readonly bodyBytes: Readonly<Record<'read' | 'json' | 'media', number>>
}

/** What a client is answered when a call of the service itself failed. */
const CODES: Record<HomeserverErrorKind, ErrorCode> = {
  bad_request: 'invalid_request',
  unauthorized: 'unavailable',
  forbidden: 'forbidden',
  not_found: 'not_found',
  conflict: 'unavailable',
  too_many_requests: 'too_many_requests',
  misconfigured: 'unavailable',
  unavailable: 'unavailable'
}

const TEXTS: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'The homeserver does not take this request',
  forbidden: 'The homeserver does not allow this',
  not_found: 'The homeserver does not know this',
  too_many_requests: 'Too many requests'
}

/** How the homeserver answers an account that its administrator has locked, with a 401. */
const LOCKED = 'M_USER_LOCKED'

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
    const lifetime = new RequestLifetime(reply)
    if (match.route.answer === 'poll') this.#trackPoll(lifetime)
    try {
      const requester = await this.#admit(match.route, request, lifetime)
      const query = forwardedQuery(url, match.route)
      return await this.#respond({ ...path, ...match, request, query, requester, lifetime }, reply)
    } catch (error) {
      if (!lifetime.isOver) throw publicFailure(error)
      reply.hijack()
      return reply
    }
  }

  /** Ends what would keep the server from closing for a minute. */
  endPolls(): void {
    for (const poll of this.#polls) poll.abort()
  }

  #trackPoll(lifetime: RequestLifetime): void {
    this.#polls.add(lifetime)
    lifetime.whenOver(() => this.#polls.delete(lifetime))
  }

  /** Finds out who sent a request, and counts it. */
  async #admit(route: Route, request: FastifyRequest, lifetime: RequestLifetime): Promise<Requester | null> {
    const { auth, openRequests, admission, readToken } = this.#deps
    if (route.access === 'anyone') {
      lifetime.whenOver(this.#acquire(request.client.group))
      return null
    }
    const token = readToken(request)
    if (isAwaitedByLogout(route)) lifetime.whenOver(openRequests.begin(token))
    const holder = await authenticateFrom(request.client.group, token, { sessions: auth, admission })
    lifetime.whenOver(this.#acquire(holder.address))
    return { holder, token: await auth.tokenOf(holder, token) }
  }

  /** Counts a request, until it is over. @throws SocialError `too_many_requests`, `unavailable` */
  #acquire(key: string): () => void {
    const acquired = this.#deps.concurrency.acquire(key)
    if ('release' in acquired) return () => acquired.release()
    if (acquired.reached === 'total') throw new SocialError('unavailable', 'The server is full, try again', 1_000)
    throw new SocialError('too_many_requests', 'Too many requests at a time', 1_000)
  }

  async #respond(proxyRequest: ProxyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { request, route } = proxyRequest
    const body = route.body === 'read' ? await readJson(request.raw, this.#deps.limits.bodyBytes.read) : null
    const { result, requester } = await this.#applyRule(proxyRequest, body ?? {})
    if (result.kind === 'answer') return reply.code(result.status).send(result.body)
    const answer = await this.#forwarder.forward({ ...proxyRequest, requester }, { body, ...result })
    return reply.code(answer.status).headers(answer.headers).send(answer.body)
  }

  /** Applies the rule, once more with another token when the homeserver has forgotten the one of the requester. */
  async #applyRule(
    proxyRequest: ProxyRequest,
    body: JsonObject
  ): Promise<{ result: RuleResult; requester: Requester | null }> {
    const { requester } = proxyRequest
    try {
      return { result: await this.#callRule(proxyRequest, body), requester }
    } catch (error) {
      const isForgotten = error instanceof HomeserverError && error.kind === 'unauthorized'
      if (!isForgotten || requester === null) throw error
      const token = await this.#deps.auth.renewToken(requester.holder, requester.token)
      if (token === null) throw new SocialError('unauthorized', 'Invalid access token')
      const renewed = { ...requester, token }
      return { result: await this.#callRule({ ...proxyRequest, requester: renewed }, body), requester: renewed }
    }
  }

  #callRule({ route, params, query, requester }: ProxyRequest, body: JsonObject): RuleResult | Promise<RuleResult> {
    if (route.rule === null) return FORWARD
    const { rules, publicRules } = this.#deps
    const call = { params, query, body }
    if (requester === null) return ruleOf(publicRules, route.rule)(call)
    const { holder, token } = requester
    return ruleOf(rules, route.rule)({ ...call, holder, actor: holder.address, token })
  }
}

/** A route whose rule is not there must not be open. */
function ruleOf<R>(rules: Readonly<Partial<Record<RuleName, R>>>, name: RuleName): R {
  const rule = rules[name]
  if (!rule) throw new Error(`There is no rule ${name}`)
  return rule
}

/** What a client may know of a call of ours that failed on the way to serving it. */
function publicFailure(error: unknown): unknown {
  if (!(error instanceof HomeserverError)) return error
  // Not for the service to get around, and not for the client to wait for.
  if (error.errcode === LOCKED) return new MatrixError(401, LOCKED, 'This account is locked')
  const code = CODES[error.kind]
  const text = TEXTS[code] ?? 'The homeserver does not answer, try again'
  return new SocialError(code, text, error.retryAfterMs ?? undefined)
}
