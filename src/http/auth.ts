import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Admission } from '../admission/admission.ts'
import type { UserLimits } from '../admission/user-limits.ts'
import { SocialError } from '../domain/errors.ts'
import { MatrixError } from '../matrix/client/matrix-error.ts'
import { authenticateFrom } from '../sessions/admitted.ts'
import type { Authenticator, SessionHolder } from '../sessions/authenticator.ts'
import { whenOver } from './answers.ts'

export interface SessionDeps {
  readonly sessions: Authenticator
  readonly admission: Admission
  readonly userLimits: UserLimits
}

/**
 * Asks for a valid token on every route of this scope, before anything else of a request is looked at: a stranger
 * learns nothing about a body or a path, and has none read. Nor has a user who is over a limit.
 * @returns whose request it is, for the handlers
 */
export function requireSession(
  app: Parameters<FastifyPluginAsyncZod>[0],
  deps: SessionDeps,
  tokenOf: (request: FastifyRequest) => string
): (request: FastifyRequest) => SessionHolder {
  app.decorateRequest('session', null)
  app.addHook('onRequest', async (request, reply) => {
    const session = await authenticateFrom(request.client.group, tokenOf(request), deps)
    deps.userLimits.call(session.address)
    whenOver(reply, deps.userLimits.request(session.address))
    request.setDecorator('session', session)
  })
  return request => request.getDecorator<SessionHolder>('session')
}

/** The token of `Authorization: Bearer …`, or null. */
export function bearerOf(request: FastifyRequest): string | null {
  const match = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')
  return match?.[1] ?? null
}

/** As {@link bearerOf}. @throws SocialError `invalid_request`, as the first implementation answered */
export function socialToken(request: FastifyRequest): string {
  const token = bearerOf(request)
  if (token === null) throw new SocialError('invalid_request', 'Missing authorization token')
  return token
}

/** As {@link bearerOf}, or that of the query, where older Matrix clients have it. @throws MatrixError */
export function matrixToken(request: FastifyRequest): string {
  const { access_token } = request.query as { access_token?: unknown }
  const token = bearerOf(request) ?? access_token
  if (typeof token !== 'string' || token === '') throw new MatrixError(401, 'M_MISSING_TOKEN', 'Missing access token')
  return token
}

/** Compares secrets in a time that does not depend on where they differ. */
export function isSameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
