import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { SocialError } from '../../domain/errors.ts'
import type { SessionHolder, UpstreamAuth } from '../../sessions/authenticator.ts'
import { CONTENT } from '../client/answers.ts'
import type { JsonObject } from '../client/http.ts'
import { passingBody, readBody } from './body.ts'
import { answerHeaders, requestHeaders } from './headers.ts'
import { filterJson, type JsonFilter } from './json-filter.ts'
import { formatPath } from './path.ts'
import type { RequestLifetime } from './request-lifetime.ts'
import type { Match, Route } from './route.ts'
import type { RuleResult } from './rules/rule.ts'
import type { Upstream, UpstreamAnswer, UpstreamRequest } from './upstream.ts'

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

/** What the client is answered. */
export interface ForwardResult {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Readable | JsonObject
}

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
/** Longest answer that is transformed on its way. */
const MAX_TRANSFORMED_BYTES = 64 * 1024

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
        throw unavailable()
      }
      status = answer.status
      if (route.answer === 'poll') lifetime.limit(LARGE_MS)
      const { transformResponse, responseFilter } = plan
      if (transformResponse && status === 200) {
        return { status, headers: {}, body: transformResponse(await readAnswer(answer)) }
      }
      if (responseFilter && status === 200) return await filtered(answer, responseFilter)
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
        ...((plan.transformResponse || plan.responseFilter) && { 'accept-encoding': 'identity' })
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
    if (request.body !== null && !Buffer.isBuffer(request.body)) throw unavailable()
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

/** Whether it is not from something on the way, such as the error page of a load balancer. */
function isFromHomeserver({ status, headers }: UpstreamAnswer, { answer }: Route): boolean {
  if (status === 304 || (answer === 'media' && status >= 200 && status < 300)) return true
  return /^application\/json\b/i.test(String(headers['content-type']))
}

/** The answer, as the filter leaves it. @throws SocialError when the filter, or the answer, cannot be had */
async function filtered(
  answer: UpstreamAnswer,
  responseFilter: () => JsonFilter | Promise<JsonFilter>
): Promise<ForwardResult> {
  try {
    const { 'content-length': _, etag: __, ...headers } = answerHeaders(answer.headers)
    if (headers['content-encoding'] !== undefined) throw unavailable()
    const filter = await responseFilter()
    return {
      status: answer.status,
      headers,
      body: Readable.from(filterJson(answer.body, filter), { objectMode: false })
    }
  } catch (error) {
    await discard(answer)
    throw error
  }
}

/** The JSON of an answer that is to be transformed. */
async function readAnswer({ body }: UpstreamAnswer): Promise<JsonObject> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_TRANSFORMED_BYTES) throw unavailable()
      chunks.push(chunk)
    }
    return CONTENT.parse(JSON.parse(Buffer.concat(chunks).toString()))
  } catch {
    throw unavailable()
  }
}

/** Lets the connection be used again, if what is left to read is not much. */
async function discard({ body }: UpstreamAnswer): Promise<void> {
  await body.dump().catch(() => undefined)
}

function unavailable(): SocialError {
  return new SocialError('unavailable', 'The homeserver does not answer, try again')
}
