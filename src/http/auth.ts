import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Admission } from '../admission/admission.ts'
import type { UserLimits } from '../admission/user-limits.ts'
import { isSignedFetch, type SignedFetch } from '../auth/signed-fetch.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { MatrixError } from '../matrix/client/matrix-error.ts'
import { authenticateFrom } from '../sessions/admitted.ts'
import type { Authenticator, SessionHolder } from '../sessions/authenticator.ts'
import type { OpenRequests } from '../sessions/open-requests.ts'
import type { SignedFetches } from '../sessions/signed-fetches.ts'
import { whenOver } from './answers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether it waits for the other requests of its token, and so none of them for it. */
    readonly endsSession?: boolean
  }
}

export interface SessionDeps {
  readonly sessions: Authenticator
  readonly openRequests: OpenRequests
  readonly admission: Admission
  readonly userLimits: UserLimits
}

export interface UserDeps extends SessionDeps {
  readonly signedFetches: SignedFetches
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
    const session = await holderOf(request, reply, tokenOf(request), deps)
    admit(session.address, reply, deps)
    request.setDecorator('session', session)
  })
  return request => request.getDecorator<SessionHolder>('session')
}

/**
 * As {@link requireSession}, for routes that need no session: takes a token, or a signed fetch (ADR-44). Of a request
 * with both the token counts.
 * @returns who asks, for the handlers
 */
export function requireUser(
  app: Parameters<FastifyPluginAsyncZod>[0],
  deps: UserDeps
): (request: FastifyRequest) => Address {
  const { signedFetches } = deps
  app.decorateRequest('user', null)
  app.addHook('onRequest', async (request, reply) => {
    const user = await userOf(request, reply, deps)
    admit(user.address, reply, deps)
    request.setDecorator('user', user)
  })
  // The body is read by now.
  app.addHook('preHandler', async request => {
    const user = request.getDecorator<User>('user')
    if (user.signed === null || READS.has(request.method)) return
    await signedFetches.useOnce(user.signed, JSON.stringify([request.url, request.body]))
  })
  return request => request.getDecorator<User>('user').address
}

/** Who asks, and the signed fetch that says so, if it is one. */
interface User {
  readonly address: Address
  readonly signed: SignedFetch | null
}

/** Methods that change nothing. */
const READS = new Set(['GET', 'HEAD'])

async function userOf(request: FastifyRequest, reply: FastifyReply, deps: UserDeps): Promise<User> {
  const { headers, method, url } = request
  const { group } = request.client
  if (bearerOf(request) === null && isSignedFetch(headers)) {
    const [path = ''] = url.split('?', 1)
    const verify = () => deps.signedFetches.authenticate(headers, { method, path, client: group })
    const signed = await deps.admission.authenticate(group, verify)
    return { address: signed.address, signed }
  }
  const { address } = await holderOf(request, reply, socialToken(request), deps)
  return { address, signed: null }
}

/** Whose token a request came with, which a logout waits for from now on. */
function holderOf(
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  deps: SessionDeps
): Promise<SessionHolder> {
  if (!request.routeOptions.config.endsSession) whenOver(reply, deps.openRequests.begin(token))
  return authenticateFrom(request.client.group, token, deps)
}

/** Counts a request of a user. @throws SocialError `too_many_requests` */
function admit(user: Address, reply: FastifyReply, { userLimits }: SessionDeps): void {
  userLimits.call(user)
  whenOver(reply, userLimits.request(user))
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
