import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Admission } from '../../admission/admission.ts'
import { authChainSchema } from '../../auth/auth-chain.ts'
import { parseUserId } from '../../domain/address.ts'
import { SocialError } from '../../domain/errors.ts'
import type { MatrixIds } from '../../matrix/client/ids.ts'
import { MatrixError } from '../../matrix/client/matrix-error.ts'
import type { LoginSessions } from '../../sessions/authenticator.ts'
import { readAnyBodyAsJson } from '../input.ts'
import { matrixAnswers } from '../schemas.ts'

interface LoginRoutesDeps {
  readonly admission: Admission
  readonly sessions: LoginSessions
  readonly ids: MatrixIds
  /** Where clients reach this service; null when it is not known. */
  readonly publicUrl: string | null
  /** Of the client-server API, such as `v3`. */
  readonly prefixes: readonly string[]
}

const LOGIN_TYPE = 'm.login.decentraland'

export const LOGIN = z.object({
  type: z.literal(LOGIN_TYPE),
  identifier: z.object({
    type: z.literal('m.id.user'),
    user: z.string().max(300).describe('An Ethereum address in any letter case, or `@0x…:server`')
  }),
  timestamp: z
    .string()
    .regex(/^\d{1,16}$/)
    .describe('Unix milliseconds in decimal digits; what the last link of the chain signs'),
  auth_chain: authChainSchema,
  device_id: z
    .string()
    .max(255)
    // A name, and so no NUL, and no half of a surrogate pair, which would become another one on its way.
    .regex(/^[^\0\ud800-\udfff]+$/u)
    .optional()
    .describe('The device that logs in, whose session is replaced; a new one by default')
})
const LOGGED_IN = z.object({
  user_id: z.string(),
  social_user_id: z.string().describe('The address'),
  access_token: z.string(),
  device_id: z.string(),
  home_server: z.string(),
  well_known: z
    .object({ 'm.homeserver': z.object({ base_url: z.string() }) })
    .optional()
    .describe('Where the rest of the API is')
})
const FLOWS = z.object({ flows: z.array(z.object({ type: z.string() })) })

/** Logging in, in the shape of the Matrix client-server API, with or without a homeserver behind. */
export const loginRoutes: FastifyPluginAsyncZod<LoginRoutesDeps> = async (app, deps) => {
  const { sessions, admission, ids, publicUrl, prefixes } = deps
  readAnyBodyAsJson(app)
  const describe = (summary: string) => ({ summary, tags: ['session'] })

  for (const prefix of prefixes) {
    const flows = matrixAnswers('The only one', FLOWS)
    app.get(
      `/_matrix/client/${prefix}/login`,
      { schema: { ...describe('Ways to log in'), response: flows } },
      async () => ({ flows: [{ type: LOGIN_TYPE }] })
    )

    const response = matrixAnswers('A new session', LOGGED_IN)
    app.post(
      `/_matrix/client/${prefix}/login`,
      {
        schema: { ...describe('Log in with a Decentraland auth chain'), body: LOGIN, response },
        preValidation: async request => checkLoginType(request.body)
      },
      async request => {
        const { identifier, timestamp, auth_chain, device_id } = request.body
        const user = parseUserId(identifier.user)
        if (!user) throw new MatrixError(403, 'M_FORBIDDEN', 'The user is not an Ethereum address')
        const { group: addressGroup } = request.client
        const login = { user, timestamp, authChain: auth_chain, deviceId: device_id ?? null, addressGroup }
        const verify = () => sessions.login(login)
        const { token, session } = await admission.authenticate(addressGroup, verify).catch(refuseLogin)
        return {
          user_id: ids.userId(session.address),
          social_user_id: session.address,
          access_token: token,
          device_id: session.deviceId,
          home_server: ids.serverName,
          ...(publicUrl !== null && { well_known: { 'm.homeserver': { base_url: publicUrl } } })
        }
      }
    )
  }
}

/** Another type of login is distinguished from a mistake in ours before the rest of its body is looked at. */
function checkLoginType(body: unknown): void {
  const type = (body as { type?: unknown } | null | undefined)?.type
  if (typeof type === 'string' && type !== LOGIN_TYPE) throw new MatrixError(400, 'M_UNKNOWN', 'Unknown login type')
}

/** A user who fails to prove who they are is forbidden to log in: there is no token yet that could be unknown. */
function refuseLogin(error: unknown): never {
  if (error instanceof SocialError && error.code === 'unauthorized') {
    throw new MatrixError(403, 'M_FORBIDDEN', error.message)
  }
  throw error
}
