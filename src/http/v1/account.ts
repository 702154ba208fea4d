import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { EXPOSURES } from '../../domain/policy.ts'
import { DEFAULT_SETTINGS, type UserSettings } from '../../domain/settings.ts'
import type { Settings } from '../../friendships/settings.ts'
import { requireUser, type UserDeps } from '../auth.ts'
import { AS_USER, answers } from '../schemas.ts'

interface AccountRoutesDeps extends UserDeps {
  readonly settings: Settings
}

const EXPOSURE = z.enum(EXPOSURES)
const CONFIG = z.object({ config: z.object({ friends: EXPOSURE, friendsCount: EXPOSURE }) })
/** What is not given has its default, and does not stay as it is. */
const CONFIG_CHANGE = z.object({
  config: z.object({
    friends: EXPOSURE.default(DEFAULT_SETTINGS.friends),
    friendsCount: EXPOSURE.default(DEFAULT_SETTINGS.friendsCount)
  })
})

/** `/v1/account/config`: to whom a user shows their friends. */
export const accountRoutes: FastifyPluginAsyncZod<AccountRoutesDeps> = async (app, deps) => {
  const { settings } = deps
  const userOf = requireUser(app, deps)
  const describe = (summary: string) => ({ summary, tags: ['account'], ...AS_USER })
  const response = answers('To whom your friends, and their number, are shown', CONFIG)

  app.get('/v1/account/config', { schema: { ...describe('Your settings'), response } }, async request => {
    return { config: configOf(await settings.of(userOf(request))) }
  })

  app.put(
    '/v1/account/config',
    { schema: { ...describe('Change your settings'), body: CONFIG_CHANGE, response } },
    async request => {
      return { config: configOf(await settings.change(userOf(request), request.body.config)) }
    }
  )
}

function configOf({ friends, friendsCount }: UserSettings): z.infer<typeof CONFIG>['config'] {
  return { friends, friendsCount }
}
