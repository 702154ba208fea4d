import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from '../admission/admission.ts'
import { answerMade, refusalBody, refuse, whenOver } from './answers.ts'
import type { Refusal } from './errors.ts'

/** What a request costs while it is answered, in bytes, however small its answer is. */
const REQUEST_BYTES = 4_096

const OF_ADDRESS: Refusal = {
  status: 429,
  errcode: 'M_LIMIT_EXCEEDED',
  message: 'Too many requests at a time, try again later',
  retryAfterMs: 1_000
}
const OF_ALL: Refusal = {
  status: 503,
  errcode: 'M_UNKNOWN',
  message: 'The server is full, try again',
  retryAfterMs: 1_000
}

/**
 * Bounds what is under way, of one address and in all: each request from its beginning, and its answer until the client
 * has taken it. Health is always told; what goes on to the homeserver has limits of its own, and streams its answers.
 */
export function boundAnswers(app: FastifyInstance, { answers, onRefused }: Admission): void {
  /** @returns why not; null when it is admitted */
  const admit = ({ client }: FastifyRequest, reply: FastifyReply, bytes: number): Refusal | null => {
    const place = answers.acquire(client.group, bytes)
    if ('reached' in place) {
      onRefused('answers')
      reply.header('connection', 'close')
      return place.reached === 'key' ? OF_ADDRESS : OF_ALL
    }
    whenOver(reply, () => place.release())
    return null
  }

  app.addHook('onRequest', async (request, reply) => {
    const { url } = request.routeOptions
    if (url?.startsWith('/health/') || url === '/_matrix/*') return undefined
    const refusal = admit(request, reply, REQUEST_BYTES)
    return refusal ? refuse(refusal, request, reply) : undefined
  })
  app.addHook('onSend', async (request, reply, payload) => {
    answerMade(reply)
    const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) - REQUEST_BYTES : 0
    const refusal = bytes > 0 ? admit(request, reply, bytes) : null
    return refusal ? refusalBody(refusal, request, reply) : payload
  })
}
