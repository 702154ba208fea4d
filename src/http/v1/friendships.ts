import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ADDRESS_LENGTH, type Address, parseUserId } from '../../domain/address.ts'
import { SocialError } from '../../domain/errors.ts'
import { fittingBoth, type Page, type Paged, pageOf } from '../../domain/page.ts'
import type { Friendships, PendingRequest } from '../../friendships/friendships.ts'
import { requireUser, type UserDeps } from '../auth.ts'
import { AS_USER, answers, pageQuery, USER_ID_PARAM } from '../schemas.ts'

interface FriendshipRoutesDeps extends UserDeps {
  readonly friends: Friendships
  /** Items of one answer. */
  readonly maxPageSize: number
  /** Bytes of an answer with requests, whose messages may be long. */
  readonly maxAnswerBytes: number
}

const FRIENDSHIPS = z.object({ friendships: z.array(z.object({ address: z.string() })) })
/** Bytes of a request in its JSON beside its message, at most. */
const REQUEST_SIZE = '{"address":"","createdAt":,"message":},'.length + ADDRESS_LENGTH + 16
/** Bytes of the JSON around the items of any list, or two. */
const LIST_OVERHEAD = 32
const COUNT = z.object({ count: z.int() })
const REQUEST = z.object({
  address: z.string().describe('The other user'),
  createdAt: z.int().describe('Unix seconds'),
  message: z.string().optional()
})
const REQUESTS = z.object({ incoming: z.array(REQUEST), outgoing: z.array(REQUEST) })

/** `/v1/friendships/…`: who is friends with whom. */
export const friendshipRoutes: FastifyPluginAsyncZod<FriendshipRoutesDeps> = async (app, deps) => {
  const { friends, maxPageSize, maxAnswerBytes } = deps
  const userOf = requireUser(app, deps)
  const params = z.object({ userId: USER_ID_PARAM })
  // Each friend takes a few bytes, so a client that names no limit gets all: dcl-social-client never asks for more.
  const requestedPage = ({ limit, offset }: z.infer<ReturnType<typeof pageQuery>>): Page =>
    pageOf(limit, offset, { defaultLimit: maxPageSize, maxLimit: maxPageSize })
  const usersOf = (request: FastifyRequest, userId: string): { viewer: Address; owner: Address } => {
    const viewer = userOf(request)
    const owner = userId === 'me' ? viewer : parseUserId(userId)
    if (!owner) throw new SocialError('invalid_request', '`userId` is not a user')
    return { viewer, owner }
  }
  const userList = answers('Users, in the order of their addresses', FRIENDSHIPS)

  // Older pages call the same without a version.
  for (const root of ['/v1', '']) {
    const describe = (summary: string) => ({ summary, tags: ['friendships'], deprecated: root === '', ...AS_USER })

    app.get(
      `${root}/friendships/:userId`,
      { schema: { ...describe('Friends of a user'), params, querystring: pageQuery(maxPageSize), response: userList } },
      async (request, reply) => {
        const { viewer, owner } = usersOf(request, request.params.userId)
        return sendUsers(reply, await friends.list(viewer, owner, requestedPage(request.query)))
      }
    )

    app.get(
      `${root}/friendships/:userId/mutuals`,
      {
        schema: {
          ...describe('Friends that you and another user have in common'),
          params,
          querystring: pageQuery(maxPageSize),
          response: userList
        }
      },
      async (request, reply) => {
        const { viewer, owner } = usersOf(request, request.params.userId)
        return sendUsers(reply, await friends.exposedMutual(viewer, owner, requestedPage(request.query)))
      }
    )

    app.get(
      `${root}/friendships/:userId/count`,
      { schema: { ...describe('How many friends a user has'), params, response: answers('How many', COUNT) } },
      async request => {
        const { viewer, owner } = usersOf(request, request.params.userId)
        return { count: await friends.count(viewer, owner) }
      }
    )

    app.get(
      `${root}/friendships/:userId/requests`,
      {
        schema: {
          ...describe('Your own requests that wait for an answer'),
          params,
          querystring: pageQuery(maxPageSize),
          response: answers('Both lists newest first; a list of long messages ends before its limit', REQUESTS)
        }
      },
      async request => {
        const { viewer, owner } = usersOf(request, request.params.userId)
        if (viewer !== owner) throw new SocialError('forbidden', 'Requests are shown to nobody else')
        const page = requestedPage(request.query)
        const [incoming, outgoing] = await Promise.all([
          friends.requests(owner, 'incoming', page),
          friends.requests(owner, 'outgoing', page)
        ])
        const lists = [incoming.items, outgoing.items] as const
        const [first, second] = fittingBoth(lists, requestSize, maxAnswerBytes - LIST_OVERHEAD)
        return { incoming: first.map(toRequest), outgoing: second.map(toRequest) }
      }
    )
  }
}

/** Answers with {@link FRIENDSHIPS}, past its serializer: to look at every item again takes longer than all the rest. */
function sendUsers(reply: FastifyReply, { items }: Paged<Address>): FastifyReply {
  const users = items.length === 0 ? '' : `{"address":"${items.join('"},{"address":"')}"}`
  const json = `{"friendships":[${users}]}`
  return reply.type('application/json; charset=utf-8').send(json)
}

function toRequest({ address, at, message }: PendingRequest): z.infer<typeof REQUEST> {
  return { address, createdAt: Math.floor(at / 1000), ...(message === null ? {} : { message }) }
}

/** Of a request in its JSON, which has a control character in six bytes. */
function requestSize({ message }: PendingRequest): number {
  return REQUEST_SIZE + (message === null ? 0 : Buffer.byteLength(JSON.stringify(message)))
}
