import type { FastifyRequest } from 'fastify'
import type { SessionHolder, UpstreamAuth } from '../../sessions/authenticator.ts'
import type { JsonObject } from '../client/http.ts'
import { passingBody, readBody } from './body.ts'
import { answerHeaders, requestHeaders } from './headers.ts'
import { formatPath } from './path.ts'
import type { RequestLifetime } from './request-lifetime.ts'
import type { Match, Route } from './route.ts'
import type { RuleResult } from './rules/rule.ts'
import type { Upstream, UpstreamAnswer, UpstreamRequest } from './upstream.ts'
import {
  discard,
  type ForwardResult,
  filtered,
  isFromHomeserver,
  noAnswer,
  refused,
  transformed
} from './upstream-answer.ts'

/** Who sent a request. */
export interface Requester {
  readonly holder: SessionHolder
  /** Of the homeserver. */
  readonly token: string
}

/** A request that is on the list, on its way to the homeserver. */
export interface ProxyRequest extends Match {
  readonly request: FastifyRequest
  readonly prefix: string
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  /** Null where nobody needs to be known. */
  readonly requester: Requester | null
  readonly lifetime: RequestLifetime
}

/** How a request is forwarded; its body is null when it was not read. */
export type ForwardPlan = Omit<Extract<RuleResult, { kind: 'forward' }>, 'body'> & { readonly body: JsonObject | null }

export interface ForwarderDeps {
  readonly auth: UpstreamAuth
  readonly upstream: Upstream
  readonly limits: ForwarderLimits
}

export interface ForwarderLimits {
  /** Bytes of JSON and of media that pass through. */
  readonly bodyBytes: Readonly<Record<'json' | 'media', number>>
  /** Longest time of a request and its answer in JSON, in milliseconds. */
  readonly timeoutMs: number
  /** What the homeserver may need for the answer to a long poll beyond the time that it asks for, in milliseconds. */
  readonly pollGraceMs: number
}

/** Longest time that a long poll may ask for, in milliseconds. */
const MAX_POLL_MS = 60_000
/** Longest time for media, and for the answer to a long poll once it has begun: both can be large. In milliseconds. */
const LARGE_MS = 10 * 60_000
/** Longest JSON of a request that is held until it is answered, so that it can be sent once more. */
const MAX_RETRYABLE_BYTES = 64 * 1024
/** Hands requests on to the homeserver, and its answers back. */
export class Forwarder {
  readonly #deps: ForwarderDeps

  constructor(deps: ForwarderDeps) {
    this.#deps = deps
  }

  /** @throws SocialError `unavailable`; MatrixError for a body that is too large */
  async forward(proxyRequest: ProxyRequest, plan: ForwardPlan): Promise<ForwardResult> {
    const { lifetime, requester, query, route } = proxyRequest
    lifetime.limit(this.#deadlineMs(route, query))
    let status: number | null = null
    try {
      const answer = await this.#send(await this.#upstreamRequest(proxyRequest, plan), requester)
      if (!isFromHomeserver(answer, route)) {
        await discard(answer)
        throw noAnswer()
      }
      status = answer.status
      if (route.answer === 'poll') lifetime.limit(LARGE_MS)
      const { transformResponse, responseFilter, onRefusal } = plan
      if (transformResponse && status === 200) return await transformed(answer, transformResponse)
      if (responseFilter && status === 200) return await filtered(answer, responseFilter)
      if (onRefusal && status >= 400) return await refused(answer, onRefusal)
      return { status, headers: answerHeaders(answer.headers), body: answer.body }
    } finally {
      plan.onResponse?.(status)
    }
  }

  async #upstreamRequest(proxyRequest: ProxyRequest, plan: ForwardPlan): Promise<UpstreamRequest> {
    const { request, prefix, requester, query, lifetime } = proxyRequest
    const search = query.size > 0 ? `?${query}` : ''
    const { headers, body } = await this.#bodyOf(proxyRequest, plan.body)
    return {
      method: request.method,
      path: formatPath({ prefix, parts: plan.parts ?? proxyRequest.parts }) + search,
      headers: {
        ...requestHeaders(request, requester?.token ?? null),
        ...headers,
        // What is to be read here must not come compressed.
        ...((plan.transformResponse || plan.responseFilter || plan.onRefusal) && { 'accept-encoding': 'identity' })
      },
      body,
      signal: lifetime.signal
    }
  }

  /** Tries once more with another token when the homeserver has forgotten the one that we have for the requester. */
  async #send(request: UpstreamRequest, requester: Requester | null): Promise<UpstreamAnswer> {
    const { auth, upstream } = this.#deps
    const answer = await upstream.request(request)
    if (answer.status !== 401 || requester === null) return answer
    const renewed = await auth.renewToken(requester.holder, requester.token)
    if (renewed === null) return answer
    await discard(answer)
    // What went through once is gone.
    if (request.body !== null && !Buffer.isBuffer(request.body)) throw noAnswer()
    return upstream.request({ ...request, headers: { ...request.headers, authorization: `Bearer ${renewed}` } })
  }

  async #bodyOf(
    { request, route }: ProxyRequest,
    read: JsonObject | null
  ): Promise<Pick<UpstreamRequest, 'headers' | 'body'>> {
    if (read) return { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(read)) }
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    const hasBody = length !== undefined || encoding !== undefined
    if (!hasBody || route.body === 'none' || route.body === 'read') return { headers: {}, body: null }
    const limit = this.#deps.limits.bodyBytes[route.body]
    if (length === undefined) return { headers: {}, body: passingBody(request.raw, limit) }
    const isRetryable = route.body === 'json' && Number(length) <= MAX_RETRYABLE_BYTES
    const body = isRetryable ? await readBody(request.raw, limit) : passingBody(request.raw, limit)
    return { headers: { 'content-length': length }, body }
  }

  #deadlineMs({ answer, body }: Route, query: URLSearchParams): number {
    const { timeoutMs, pollGraceMs } = this.#deps.limits
    if (answer === 'poll') return boundPoll(query) + pollGraceMs
    return answer === 'media' || body === 'media' ? LARGE_MS : timeoutMs
  }
}

/** Lets a long poll wait for no longer than we do. @returns how long that is */
function boundPoll(query: URLSearchParams): number {
  const wanted = Number(query.get('timeout') ?? 0)
  const timeout = wanted >= 0 ? Math.min(Math.floor(wanted), MAX_POLL_MS) : 0
  query.set('timeout', String(timeout))
  return timeout
}
