import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ADDRESS_LENGTH, type Address, parseAddress } from '../../domain/address.ts'
import { SocialError } from '../../domain/errors.ts'
import { pageOf } from '../../domain/page.ts'
import type { Mutes } from '../../friendships/mutes.ts'
import { requireUser, type UserDeps } from '../auth.ts'
import { readAnyBodyAsJson } from '../input.ts'
import { AS_USER, answers, NO_CONTENT, pageQuery } from '../schemas.ts'

interface MuteRoutesDeps extends UserDeps {
  readonly mutes: Mutes
  /** Items of one answer. */
  readonly maxPageSize: number
  /** Bytes of one answer. */
  readonly maxAnswerBytes: number
}

const PATH = '/v1/mutes'
/** Items of an answer to who does not say how many: as many as clients ask for. */
const PAGE_SIZE = 100
/** Bytes of a muted user in their JSON, with the comma after it, and of all that is around the list. */
const MUTE_SIZE = '{"address":"","muted_at":""},'.length + ADDRESS_LENGTH + new Date(0).toISOString().length
const OVERHEAD = 128

const MUTE = z.object({ muted_address: z.string().max(300).describe('An Ethereum address in any letter case') })
const MUTES = z.object({
  data: z.object({
    results: z.array(z.object({ address: z.string(), muted_at: z.string().describe('ISO 8601') })),
    total: z.int().describe('Of the whole list'),
    page: z.int().describe('The number of this page, from 1'),
    pages: z.int(),
    limit: z.int().describe('That was used')
  })
})
const FILTERS = {
  address: z.string().max(300).optional().describe('Only this user, if they are muted'),
  addresses: z
    .union([z.string().max(300), z.array(z.string().max(300)).max(500)])
    .optional()
    .describe('Only these users; once for each. Without effect beside `address`')
}

/** `/v1/mutes`: whom a user does not want to hear. In the shape of the service that explorers call today. */
export const muteRoutes: FastifyPluginAsyncZod<MuteRoutesDeps> = async (app, deps) => {
  const { mutes, maxPageSize, maxAnswerBytes } = deps
  // That service asks for no `Content-Type` either.
  readAnyBodyAsJson(app)
  const userOf = requireUser(app, deps)
  const maxLimit = Math.min(maxPageSize, Math.floor((maxAnswerBytes - OVERHEAD) / MUTE_SIZE))
  const defaultLimit = Math.min(PAGE_SIZE, maxLimit)
  const describe = (summary: string) => ({ summary, tags: ['mutes'], ...AS_USER })

  app.get(
    PATH,
    {
      schema: {
        ...describe('Whom you mute'),
        querystring: pageQuery(maxLimit, defaultLimit).extend(FILTERS),
        response: answers('Latest first', MUTES)
      }
    },
    async request => {
      const { limit, offset, address, addresses } = request.query
      const page = pageOf(limit, offset, { defaultLimit, maxLimit })
      const { items, total } = await mutes.list(userOf(request), page, filterOf(address, addresses))
      const results = items.map(({ address, since }) => ({ address, muted_at: new Date(since).toISOString() }))
      const place = { page: Math.ceil(page.offset / page.limit) + 1, pages: Math.ceil(total / page.limit) }
      return { data: { results, total, ...place, limit: page.limit } }
    }
  )

  app.post(
    PATH,
    { schema: { ...describe('Mute a user'), body: MUTE, response: NO_CONTENT } },
    async (request, reply) => {
      await mutes.mute(userOf(request), otherOf(request.body))
      return reply.code(204).send(null)
    }
  )

  app.delete(
    PATH,
    { schema: { ...describe('Mute a user no more'), body: MUTE, response: NO_CONTENT } },
    async (request, reply) => {
      await mutes.unmute(userOf(request), otherOf(request.body))
      return reply.code(204).send(null)
    }
  )
}

/** Whom a list is to be of; null for everybody. What is no address is nobody whom it could have. */
function filterOf(address: string | undefined, addresses: string | readonly string[] = []): Address[] | null {
  const wanted = (address ? [address] : [addresses].flat()).filter(text => text !== '')
  return wanted.length === 0 ? null : wanted.flatMap(text => parseAddress(text) ?? [])
}

function otherOf({ muted_address }: z.infer<typeof MUTE>): Address {
  const other = parseAddress(muted_address)
  if (!other) throw new SocialError('invalid_request', '`muted_address` is not an Ethereum address')
  return other
}
