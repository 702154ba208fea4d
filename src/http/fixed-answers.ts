import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { FastifyInstance, FastifyReply } from 'fastify'

interface FixedAnswer {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Makes each of these answers once: from then on all are one buffer, however many clients do not read theirs, and a
 * client that has it already is told so.
 */
export function fixAnswers(app: FastifyInstance, paths: ReadonlySet<string>): void {
  const answers = new Map<string, FixedAnswer>()

  app.addHook('onRequest', async (request, reply) => {
    const [path = ''] = request.url.split('?', 1)
    const answer = answers.get(path)
    if (answer) return send(answer, request.headers['if-none-match'], reply)
    // An answer that is for everybody depends on no query.
    if (paths.has(path)) request.raw.url = path
    return undefined
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const { method, url } = request
    const isWhole = method === 'GET' && reply.statusCode === 200 && request.headers.range === undefined
    if (!isWhole || !paths.has(url) || answers.has(url)) return payload
    const body = typeof payload === 'string' ? Buffer.from(payload) : await buffer(payload as Readable)
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
    // It may be kept, and is asked for again with its tag.
    const headers = { 'content-type': String(reply.getHeader('content-type')), etag, 'cache-control': 'no-cache' }
    answers.set(url, { body, headers })
    reply.headers(headers)
    return body
  })
}

function send({ body, headers }: FixedAnswer, known: string | undefined, reply: FastifyReply): FastifyReply {
  reply.headers(headers)
  const isKnown = known?.split(',').some(tag => tag.trim().replace(/^W\//, '') === headers['etag'])
  return isKnown ? reply.code(304).send() : reply.send(body)
}
