import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ADDRESS_LENGTH, type Address, parseAddress } from '../../domain/address.ts'
import type { Scope } from '../../domain/api-key.ts'
import { SocialError } from '../../domain/errors.ts'
import { pageOf } from '../../domain/page.ts'
import { MESSAGE_PRIVACIES } from '../../domain/settings.ts'
import { MAX_PAIRS, type ServiceQuestions } from '../../friendships/service-questions.ts'
import { answers, pageQuery } from '../schemas.ts'
import { requireScope, type ServiceAuthDeps } from './auth.ts'

export interface ServiceRoutesDeps extends ServiceAuthDeps {
  readonly questions: ServiceQuestions
  /** Items of one answer. */
  readonly maxPageSize: number
  /** Bytes of one answer. */
  readonly maxAnswerBytes: number
}

const ADDRESS = z.string().max(ADDRESS_LENGTH).describe('An Ethereum address in any letter case')
const PRIVACY = z.object({ private_messages_privacy: z.enum(MESSAGE_PRIVACIES) })
const PAIRS = z.object({ pairs: z.array(z.object({ a: ADDRESS, b: ADDRESS })).max(MAX_PAIRS) })
const RELATIONS = z.object({
  relations: z.array(
    z.object({
      a: z.string(),
      b: z.string(),
      areFriends: z.boolean(),
      aBlocksB: z.boolean(),
      bBlocksA: z.boolean()
    })
  )
})
const FRIENDS = z.object({
  friends: z.array(z.string()),
  total: z.int().describe('Of all pages, at this moment')
})
/** Bytes of a friend in the JSON of a page, with quotes and a comma. */
const FRIEND_SIZE = '"",'.length + ADDRESS_LENGTH
/** Bytes of that JSON around its friends. */
const PAGE_OVERHEAD = 64

/** `/v1/users/…`: what other services ask of users, with an API key. */
export const serviceRoutes: FastifyPluginAsyncZod<ServiceRoutesDeps> = async (app, deps) => {
  const { questions, maxPageSize, maxAnswerBytes } = deps
  const maxFriends = Math.min(maxPageSize, Math.floor((maxAnswerBytes - PAGE_OVERHEAD) / FRIEND_SIZE))
  const params = z.object({ address: ADDRESS })
  const describe = (summary: string, scope: Scope) => ({
    summary,
    description: `The key needs the scope \`${scope}\`.`,
    tags: ['services'],
    security: [{ apiKey: [] }]
  })

  app.get(
    '/v1/users/:address/privacy-settings',
    {
      onRequest: requireScope('settings:read', deps, { mayBeKeyless: true }),
      schema: {
        ...describe('Who may write to a user', 'settings:read'),
        params,
        response: answers('Of a user whom nobody knows, the default: `all`', PRIVACY)
      }
    },
    async ({ params: { address } }) => ({
      private_messages_privacy: await questions.messagePrivacy(addressIn(address, 'address'))
    })
  )

  app.post(
    '/v1/users/relations',
    {
      onRequest: requireScope('relations:read', deps),
      schema: {
        ...describe(`What is between the users of up to ${MAX_PAIRS} pairs`, 'relations:read'),
        body: PAIRS,
        response: answers('In the order of the question, with addresses in lower case', RELATIONS)
      }
    },
    async ({ body }) => {
      const pairs = body.pairs.map(({ a, b }, at) => ({
        a: addressIn(a, `pairs.${at}.a`),
        b: addressIn(b, `pairs.${at}.b`)
      }))
      return { relations: await questions.relations(pairs) }
    }
  )

  app.get(
    '/v1/users/:address/friends',
    {
      onRequest: requireScope('friends:read', deps),
      schema: {
        ...describe('The friends of a user, whoever may see them', 'friends:read'),
        params,
        querystring: pageQuery(maxFriends),
        response: answers('Addresses in their order', FRIENDS)
      }
    },
    async ({ params: { address }, query: { limit, offset } }) => {
      const page = pageOf(limit, offset, { defaultLimit: maxFriends, maxLimit: maxFriends })
      const { items, total } = await questions.friends(addressIn(address, 'address'), page)
      return { friends: [...items], total }
    }
  )
}

/** @throws SocialError `invalid_request` that names the field */
function addressIn(text: string, field: string): Address {
  const address = parseAddress(text)
  if (address === null) throw new SocialError('invalid_request', `\`${field}\` is not an address`)
  return address
}
