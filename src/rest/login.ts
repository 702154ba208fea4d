import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { authChainSchema } from '../auth/auth-chain.ts'
import { type Address, parseUserId } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { Session, Sessions } from '../social/sessions.ts'
import { bearerOf } from './bearer.ts'
import { MatrixError } from './errors.ts'
import { MATRIX_ERROR_RESPONSES } from './schemas.ts'

interface LoginRoutesParts {
  readonly sessions: Sessions
  /** The part of a Matrix user id after the colon. */
  readonly serverName: string
}

const LOGIN_TYPE = 'm.login.decentraland'
const MATRIX_VERSIONS = ['r0.6.1', 'v1.1', 'v1.2', 'v1.3', 'v1.4', 'v1.5', 'v1.6']

const LOGIN = z.object({
  type: z.string(),
  identifier: z.object({ type: z.literal('m.id.user'), user: z.string().max(300) }),
  timestamp: z
    .string()
    .regex(/^\d{1,16}$/)
    .describe('Unix milliseconds in decimal digits; what the last link of the chain signs'),
  auth_chain: authChainSchema,
  device_id: z.string().min(1).max(255).optional()
})
const LOGGED_IN = z.object({
  user_id: z.string(),
  social_user_id: z.string(),
  access_token: z.string(),
  device_id: z.string(),
  home_server: z.string()
})
const WHO_AM_I = z.object({ user_id: z.string(), device_id: z.string() })
const NOTHING = z.object({})
const ANY_QUERY = z.object({ access_token: z.string().max(1000).optional() })

/** Sessions in the shape of the Matrix client-server API, served with or without a homeserver behind. */
export const loginRoutes: FastifyPluginAsyncZod<LoginRoutesParts> = async (app, { sessions, serverName }) => {
  const userId = (address: Address): string => `@${address}:${serverName}`
  const describe = (summary: string) => ({ summary, tags: ['session'] })
  const answers = <Schema extends z.ZodType>(schema: Schema) => ({ 200: schema, ...MATRIX_ERROR_RESPONSES })

  app.get(
    '/_matrix/client/versions',
    {
      schema: {
        ...describe('Versions of the Matrix client-server API'),
        response: answers(z.object({ versions: z.array(z.string()), unstable_features: NOTHING }))
      }
    },
    async () => ({ versions: MATRIX_VERSIONS, unstable_features: {} })
  )

  for (const version of ['r0', 'v3']) {
    const base = `/_matrix/client/${version}`

    app.get(
      `${base}/login`,
      {
        schema: {
          ...describe('Ways to log in'),
          response: answers(z.object({ flows: z.array(z.object({ type: z.string() })) }))
        }
      },
      async () => ({ flows: [{ type: LOGIN_TYPE }] })
    )

    app.post(
      `${base}/login`,
      {
        schema: { ...describe('Log in with a Decentraland auth chain'), body: LOGIN, response: answers(LOGGED_IN) },
        preValidation: async request => checkLoginType(request.body)
      },
      async request => {
        const { identifier, timestamp, auth_chain, device_id } = request.body
        const user = parseUserId(identifier.user)
        if (!user) throw new MatrixError(403, 'M_FORBIDDEN', 'The user is not an Ethereum address')
        const login = { user, timestamp, authChain: auth_chain, deviceId: device_id ?? null }
        const { token, session } = await sessions.login(login).catch(refuseLogin)
        return {
          user_id: userId(session.address),
          social_user_id: session.address,
          access_token: token,
          device_id: session.deviceId,
          home_server: serverName
        }
      }
    )

    app.get(
      `${base}/account/whoami`,
      { schema: { ...describe('Whose token this is'), querystring: ANY_QUERY, response: answers(WHO_AM_I) } },
      async request => {
        const { address, deviceId } = await authenticate(sessions, request)
        return { user_id: userId(address), device_id: deviceId }
      }
    )

    app.post(
      `${base}/logout`,
      { schema: { ...describe('End this session'), querystring: ANY_QUERY, response: answers(NOTHING) } },
      async request => {
        await sessions.logout(await authenticate(sessions, request))
        return {}
      }
    )

    app.post(
      `${base}/logout/all`,
      { schema: { ...describe('End all of your sessions'), querystring: ANY_QUERY, response: answers(NOTHING) } },
      async request => {
        const { address } = await authenticate(sessions, request)
        await sessions.logoutAll(address)
        return {}
      }
    )
  }
}

/** Another type of login is told apart from a mistake in ours before its body is looked at. */
function checkLoginType(body: unknown): void {
  const type = (body as { type?: unknown } | null | undefined)?.type
  if (typeof type === 'string' && type !== LOGIN_TYPE) throw new MatrixError(400, 'M_UNKNOWN', 'Unknown login type')
}

/** Whoever fails to prove who they are is forbidden to log in: there is no token yet that could be unknown. */
function refuseLogin(error: unknown): never {
  if (error instanceof SocialError && error.code === 'unauthorized') {
    throw new MatrixError(403, 'M_FORBIDDEN', error.message)
  }
  throw error
}

/** The session of a Matrix request, whose token is in the header or, as older clients do, in the query. */
async function authenticate(sessions: Sessions, request: FastifyRequest): Promise<Session> {
  const query = request.query as { access_token?: string }
  const token = bearerOf(request) ?? query.access_token
  if (!token) throw new MatrixError(401, 'M_MISSING_TOKEN', 'Missing access token')
  return sessions.authenticate(token)
}
