import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Address, parseUserId } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { type Page, pageOf } from '../domain/page.ts'
import type { Friends, PendingRequest } from '../social/friends.ts'
import type { Sessions } from '../social/sessions.ts'
import { requireBearer } from './bearer.ts'
import { ERROR_RESPONSES, pageQuery, USER_ID_PARAM } from './schemas.ts'

interface FriendshipRoutesParts {
  readonly friends: Friends
  readonly sessions: Sessions
  /** Items of one answer. */
  readonly maxPageSize: number
}

const FRIENDSHIPS = z.object({ friendships: z.array(z.object({ address: z.string() })) })
const REQUEST = z.object({
  address: z.string(),
  createdAt: z.int().describe('Unix seconds'),
  message: z.string().optional()
})
const REQUESTS = z.object({ incoming: z.array(REQUEST), outgoing: z.array(REQUEST) })

/** `/v1/friendships/…`: who is friends with whom. */
export const friendshipRoutes: FastifyPluginAsyncZod<FriendshipRoutesParts> = async (
  app,
  { friends, sessions, maxPageSize }
) => {
  const params = z.object({ userId: USER_ID_PARAM })
  const querystring = pageQuery(maxPageSize)
  const describe = (summary: string) => ({ summary, tags: ['friendships'], security: [{ accessToken: [] }] })
  const page = (query: z.infer<typeof querystring>): Page =>
    pageOf(query.limit, query.offset, { defaultLimit: maxPageSize, maxLimit: maxPageSize })

  const who = async (request: FastifyRequest, userId: string): Promise<{ viewer: Address; owner: Address }> => {
    const { address: viewer } = await sessions.authenticate(requireBearer(request))
    const owner = userId === 'me' ? viewer : parseUserId(userId)
    if (!owner) throw new SocialError('invalid_request', '`userId` is not a user')
    return { viewer, owner }
  }
  const shown = (addresses: readonly Address[]): z.infer<typeof FRIENDSHIPS> => ({
    friendships: addresses.map(address => ({ address }))
  })

  app.get(
    '/v1/friendships/:userId',
    {
      schema: {
        ...describe('Friends of a user'),
        params,
        querystring,
        response: { 200: FRIENDSHIPS, ...ERROR_RESPONSES }
      }
    },
    async request => {
      const { viewer, owner } = await who(request, request.params.userId)
      return shown((await friends.list(viewer, owner, page(request.query))).items)
    }
  )

  app.get(
    '/v1/friendships/:userId/mutuals',
    {
      schema: {
        ...describe('Friends that you and another user have in common'),
        ...{ params, querystring, response: { 200: FRIENDSHIPS, ...ERROR_RESPONSES } }
      }
    },
    async request => {
      const { viewer, owner } = await who(request, request.params.userId)
      return shown((await friends.exposedMutual(viewer, owner, page(request.query))).items)
    }
  )

  app.get(
    '/v1/friendships/:userId/count',
    {
      schema: {
        ...describe('How many friends a user has'),
        ...{ params, response: { 200: z.object({ count: z.int() }), ...ERROR_RESPONSES } }
      }
    },
    async request => {
      const { viewer, owner } = await who(request, request.params.userId)
      return { count: await friends.count(viewer, owner) }
    }
  )

  app.get(
    '/v1/friendships/:userId/requests',
    {
      schema: {
        ...describe('Requests that wait for an answer, newest first; your own only'),
        ...{ params, querystring, response: { 200: REQUESTS, ...ERROR_RESPONSES } }
      }
    },
    async request => {
      const { viewer, owner } = await who(request, request.params.userId)
      if (viewer !== owner) throw new SocialError('forbidden', 'Requests are shown to nobody else')
      const [incoming, outgoing] = await Promise.all([
        friends.requests(owner, 'incoming', page(request.query)),
        friends.requests(owner, 'outgoing', page(request.query))
      ])
      return { incoming: incoming.items.map(toRequest), outgoing: outgoing.items.map(toRequest) }
    }
  )
}

function toRequest({ address, at, message }: PendingRequest): z.infer<typeof REQUEST> {
  return { address, createdAt: Math.floor(at / 1000), ...(message === null ? {} : { message }) }
}
