import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Authenticator, SessionHolder } from '../sessions/authenticator.ts'

/**
 * Asks for a valid token on every route of this scope, before anything else of a request is looked at: a stranger
 * learns nothing about a body or a path, and has none read.
 * @returns whose request it is, for the handlers
 */
export function requireSession(
  app: Parameters<FastifyPluginAsyncZod>[0],
  sessions: Authenticator,
  tokenOf: (request: FastifyRequest) => string
): (request: FastifyRequest) => SessionHolder {
  app.decorateRequest('session', null)
  app.addHook('onRequest', async request => {
    request.setDecorator('session', await sessions.authenticate(tokenOf(request)))
  })
  return request => request.getDecorator<SessionHolder>('session')
}
