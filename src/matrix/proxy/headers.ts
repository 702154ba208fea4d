import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'

// Lists of what is handed on, never of what is not: headers that speak of a connection, of other proxies, of cookies or
// of rights stay out, whatever they will be called.
const OF_REQUEST = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'if-none-match',
  'if-modified-since'
]
const OF_ANSWER = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-security-policy',
  'content-type',
  'cross-origin-resource-policy',
  'etag',
  'last-modified',
  'retry-after'
]

/**
 * The headers of a request for the homeserver.
 * @param token of the homeserver, if there is one
 */
export function requestHeaders(request: FastifyRequest, token: string | null): Record<string, string> {
  return {
    ...selected(request.headers, OF_REQUEST),
    ...(token !== null && { authorization: `Bearer ${token}` }),
    'user-agent': request.headers['user-agent'] ?? '',
    // As it is believed here: what a client says of itself in this place was weighed already.
    'x-forwarded-for': request.client.ip,
    'x-forwarded-proto': request.protocol
  }
}

/** The headers of an answer of the homeserver for the client. */
export function answerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return selected(headers, OF_ANSWER)
}

function selected(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const entries = names.flatMap(name => {
    const value = headers[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return Object.fromEntries(entries)
}
