import type { FastifyRequest } from 'fastify'
import { SocialError } from '../../domain/errors.ts'
import type { SessionHolder } from '../../sessions/authenticator.ts'
import { CONTENT } from '../client/answers.ts'
import type { JsonObject } from '../client/http.ts'
import { passingBody, readBody } from './body.ts'
import { answerHeaders, requestHeaders } from './headers.ts'
import { formatPath } from './path.ts'
import type { RequestLifetime } from './request-lifetime.ts'
import type { Match, Route } from './routes.ts'
import type { RuleResult } from './rules/rule.ts'
import type { Upstream, UpstreamAnswer, UpstreamRequest } from './upstream.ts'
import type { UpstreamAuth } from './upstream-auth.ts'

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
  readonly visitor: Requester | null
  readonly exchange: RequestLifetime
}

/** How a request goes on; its body is null when it was not read. */
export type Forwarding = Omit<Extract<RuleResult, { kind: 'forward' }>, 'body'> & { readonly body: JsonObject | null }

/** What the client is answered. */
export interface Forwarded {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: UpstreamAnswer['body'] | JsonObject
}

export interface ForwarderDeps {
  readonly gate: UpstreamAuth
  readonly upstream: Upstream
  readonly limits: ForwarderLimits
}

export interface ForwarderLimits {
  /** Bytes of JSON and of media that pass through. */
  readonly bodyBytes: Readonly<Record<'json' | 'media', number>>
  /** Longest time of an exchange of JSON, in milliseconds. */
  readonly timeoutMs: number
  /** What the homeserver may need for the answer to a long poll beyond the time that it asks for, in milliseconds. */
  readonly pollGraceMs: number
}

/** Longest time that a long poll may ask for, in milliseconds. */
const MAX_POLL_MS = 60_000
/** Longest time for media, and for the answer to a long poll once it has begun: both can be large. In milliseconds. */
const LARGE_MS = 10 * 60_000
/** Longest JSON of a request that is kept until it is answered, so that it can be sent once more. */
const MAX_KEPT_BYTES = 64 * 1024
/** Longest answer that is changed on its way. */
const MAX_AMENDED_BYTES = 64 * 1024

/** Hands requests on to the homeserver, and its answers back. */
export class Forwarder {
  readonly #deps: ForwarderDeps

  constructor(deps: ForwarderDeps) {
    this.#deps = deps
  }

  /** @throws SocialError `unavailable`; MatrixError for a body that is too large */
  async forward(passage: ProxyRequest, forwarding: Forwarding): Promise<Forwarded> {
    const { exchange, visitor, query, route } = passage
    exchange.limit(this.#deadlineMs(route, query))
    let status: number | null = null
    try {
      const answer = await this.#send(await this.#requestOf(passage, forwarding), visitor)
      if (!isFromHomeserver(answer, route)) {
        await discard(answer)
        throw unavailable()
      }
      status = answer.status
      if (route.answer === 'poll') exchange.limit(LARGE_MS)
      const { amend } = forwarding
      if (amend && status === 200) return { status, headers: {}, body: amend(await readAnswer(answer)) }
      return { status, headers: answerHeaders(answer.headers), body: answer.body }
    } finally {
      forwarding.done?.(status)
    }
  }

  async #requestOf(passage: ProxyRequest, forwarding: Forwarding): Promise<UpstreamRequest> {
    const { request, prefix, visitor, query, exchange } = passage
    const search = query.size > 0 ? `?${query}` : ''
    const { headers, body } = await this.#bodyOf(passage, forwarding.body)
    return {
      method: request.method,
      path: formatPath({ prefix, parts: forwarding.parts ?? passage.parts }) + search,
      headers: {
        ...requestHeaders(request, visitor?.token ?? null),
        ...headers,
        // What is to be read here must not come compressed.
        ...(forwarding.amend && { 'accept-encoding': 'identity' })
      },
      body,
      signal: exchange.signal
    }
  }

  /** Tries once more with another token when the homeserver has forgotten the one that we have for the visitor. */
  async #send(request: UpstreamRequest, visitor: Requester | null): Promise<UpstreamAnswer> {
    const { gate, upstream } = this.#deps
    const answer = await upstream.request(request)
    if (answer.status !== 401 || visitor === null) return answer
    const renewed = await gate.renewedTokenOf(visitor.holder, visitor.token)
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
    const isThere = length !== undefined || encoding !== undefined
    if (!isThere || route.body === 'none' || route.body === 'read') return { headers: {}, body: null }
    const limit = this.#deps.limits.bodyBytes[route.body]
    if (length === undefined) return { headers: {}, body: passingBody(request.raw, limit) }
    const isKept = route.body === 'json' && Number(length) <= MAX_KEPT_BYTES
    const body = isKept ? await readBody(request.raw, limit) : passingBody(request.raw, limit)
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

/** Whether it is not the word of something on the way, such as the error page of a load balancer. */
function isFromHomeserver({ status, headers }: UpstreamAnswer, { answer }: Route): boolean {
  if (status === 304 || (answer === 'media' && status >= 200 && status < 300)) return true
  return /^application\/json\b/i.test(String(headers['content-type']))
}

/** The JSON of an answer that is to be changed. */
async function readAnswer({ body }: UpstreamAnswer): Promise<JsonObject> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_AMENDED_BYTES) throw unavailable()
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
