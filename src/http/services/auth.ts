import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from '../../admission/admission.ts'
import type { ApiKey, Scope } from '../../domain/api-key.ts'
import { type ErrorCode, publicError, SocialError } from '../../domain/errors.ts'
import type { IpRanges } from '../../lib/client-address.ts'
import type { RateBudget } from '../../lib/rate-budget.ts'
import type { ServiceOutcome } from '../../observability/service-metrics.ts'
import { authenticateFrom } from '../../sessions/admitted.ts'
import type { TokenHolders } from '../../sessions/authenticator.ts'
import { bearerOf } from '../auth.ts'

export interface ServiceAuthDeps {
  readonly keys: TokenHolders<ApiKey>
  readonly admission: Admission
  /** Requests with each key. */
  readonly requests: RateBudget
  /** From where some questions are answered without a key. */
  readonly keyless: IpRanges
  readonly onRequest: (scope: Scope, outcome: ServiceOutcome) => void
}

interface Options {
  /** Whether the question may be asked without a key, from where that is allowed. */
  readonly mayBeKeyless?: boolean
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** How long a service is asked to wait that is over its rate, in milliseconds. */
const RETRY_MS = 1_000

const OUTCOMES: Partial<Record<ErrorCode, ServiceOutcome>> = {
  unauthorized: 'unknown',
  forbidden: 'scope',
  too_many_requests: 'limited'
}

/**
 * A hook that asks for a key with a scope, before anything else of a request is looked at. What is wrong with the key is
 * said in the header `WWW-Authenticate` too, as RFC 6750 has it for programs.
 */
export function requireScope(scope: Scope, deps: ServiceAuthDeps, { mayBeKeyless = false }: Options = {}): Hook {
  const { admission, requests, keyless, keys, onRequest } = deps
  const count = (spender: string): void => {
    if (!requests.isLevel(spender)) {
      throw new SocialError('too_many_requests', 'Too many requests, try again in a second', RETRY_MS)
    }
    requests.spend(spender)
  }
  const admit = async ({ client: { ip, group } }: FastifyRequest, text: string | null): Promise<ServiceOutcome> => {
    if (text === null && mayBeKeyless && keyless.has(ip)) {
      count(group)
      return 'keyless'
    }
    if (text === null) throw new SocialError('unauthorized', 'An API key is needed')
    const { id, scopes } = await authenticateFrom(group, text, { sessions: keys, admission })
    count(id)
    if (!scopes.includes(scope)) throw new SocialError('forbidden', `Missing scope: ${scope}`)
    return 'admitted'
  }

  return async (request, reply) => {
    const text = bearerOf(request)
    try {
      onRequest(scope, await admit(request, text))
    } catch (error) {
      const { code } = publicError(error)
      onRequest(scope, OUTCOMES[code] ?? 'failed')
      if (code === 'unauthorized') {
        reply.header('www-authenticate', text === null ? 'Bearer' : 'Bearer error="invalid_token"')
      }
      if (code === 'forbidden') {
        reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${scope}"`)
      }
      throw error
    }
  }
}
