import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { MatrixIds } from '../../matrix/client/ids.ts'
import type { LoginSessions } from '../../sessions/authenticator.ts'
import { matrixToken, requireSession, type SessionDeps } from '../auth.ts'
import { readAnyBodyAsJson } from '../input.ts'
import { EMPTY_OBJECT, matrixAnswers, WITH_TOKEN } from '../schemas.ts'

interface SessionRoutesDeps extends SessionDeps {
  readonly sessions: LoginSessions
  readonly ids: MatrixIds
  /** Of the client-server API, such as `v3`. */
  readonly prefixes: readonly string[]
}

const WHO_AM_I = z.object({ user_id: z.string(), device_id: z.string() })

/** The session of a token, and its end, in the shape of the Matrix client-server API. */
export const sessionRoutes: FastifyPluginAsyncZod<SessionRoutesDeps> = async (app, deps) => {
  const { sessions, openRequests, ids, prefixes } = deps
  const config = { endsSession: true }
  readAnyBodyAsJson(app)
  const sessionOf = requireSession(app, deps, matrixToken)
  const describe = (summary: string) => ({ summary, tags: ['session'], ...WITH_TOKEN })

  for (const prefix of prefixes) {
    const whoAmI = matrixAnswers('The user and their device', WHO_AM_I)
    app.get(
      `/_matrix/client/${prefix}/account/whoami`,
      { schema: { ...describe('Whose token this is'), response: whoAmI } },
      async request => {
        const { address, deviceId } = sessionOf(request)
        return { user_id: ids.userId(address), device_id: deviceId }
      }
    )

    const response = matrixAnswers('From now on the token is unknown', EMPTY_OBJECT)
    app.post(
      `/_matrix/client/${prefix}/logout`,
      { config, schema: { ...describe('End this session'), response } },
      async request => {
        await openRequests.served(matrixToken(request))
        await sessions.logout(sessionOf(request))
        return {}
      }
    )

    app.post(
      `/_matrix/client/${prefix}/logout/all`,
      { config, schema: { ...describe('End all of your sessions'), response } },
      async request => {
        await openRequests.served(matrixToken(request))
        await sessions.logoutAll(sessionOf(request).address)
        return {}
      }
    )
  }
}
