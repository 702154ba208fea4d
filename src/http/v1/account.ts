import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { EXPOSURES } from '../../domain/policy.ts'
import type { UserSettings } from '../../domain/settings.ts'
import type { Settings } from '../../friendships/settings.ts'
import { requireSession, type SessionDeps, socialToken } from '../auth.ts'
import { answers, WITH_TOKEN } from '../schemas.ts'

interface AccountRoutesDeps extends SessionDeps {
  readonly settings: Settings
}

const EXPOSURE = z.enum(EXPOSURES)
const CONFIG = z.object({ config: z.object({ friends: EXPOSURE, friendsCount: EXPOSURE }) })

/** `/v1/account/config`: to whom a user shows their friends. */
export const accountRoutes: FastifyPluginAsyncZod<AccountRoutesDeps> = async (app, deps) => {
  const { settings } = deps
  const sessionOf = requireSession(app, deps, socialToken)
  const describe = (summary: string) => ({ summary, tags: ['account'], ...WITH_TOKEN })
  const response = answers('To whom your friends, and their number, are shown', CONFIG)

  app.get('/v1/account/config', { schema: { ...describe('Your settings'), response } }, async request => {
    const { address } = sessionOf(request)
    return { config: configOf(await settings.of(address)) }
  })

  app.put(
    '/v1/account/config',
    { schema: { ...describe('Change your settings'), body: CONFIG, response } },
    async request => {
      const { address } = sessionOf(request)
      return { config: configOf(await settings.change(address, request.body.config)) }
    }
  )
}

function configOf({ friends, friendsCount }: UserSettings): z.infer<typeof CONFIG>['config'] {
  return { friends, friendsCount }
}
