import type { Address } from '../../domain/address.ts'
import { fittingBoth, type Page, type Paged } from '../../domain/page.ts'
import type { BlockedUser } from '../../friendships/blocks.ts'
import type { PendingRequest, RequestDirection } from '../../friendships/friendships.ts'
import type { Call, Procedure } from '../engine/service.ts'
import { addressOf } from '../fields.ts'
import { caller, type V2Boundary, type V2Context } from './caller.ts'
import * as codec from './codec.ts'
import type { V2Deps } from './deps.ts'
import { BLOCKED_SIZE, encodeListing, requestSize } from './listing.ts'

const { V2_METHODS } = codec

/** Bytes of an address in a list of them. */
const ADDRESS_SIZE = 44

type PageField = Parameters<typeof codec.pageOfField>[0]

/** Lists of users, in pages, each user with their profile. */
export function listProcedures(
  { friends, blocks, profiles, maxAnswerBytes: maxBytes }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  const friendsPage = async (page: Page, { items, total }: Paged<Address>) => {
    const profileOf = await profiles.lookUp(items)
    const listing = { items, profileOf, besideOf: () => 0, maxBytes }
    return {
      friends: encodeListing(listing, (_, profile) => codec.encodeProfile(profile)),
      paginationData: codec.encodePage(page, total)
    }
  }

  const requests =
    (direction: RequestDirection) =>
    async ({ pagination }: { readonly pagination?: PageField }, call: Call<V2Context>) => {
      const page = codec.pageOfField(pagination, codec.REQUESTS_PAGE)
      const { items, total } = await friends.requests(caller(call), direction, page)
      const profile = await profiles.lookUp(items.map(({ address }) => address))
      const profileOf = ({ address }: PendingRequest) => profile(address)
      const listing = { items, profileOf, besideOf: requestSize, maxBytes }
      return {
        response: {
          $case: 'requests' as const,
          requests: { requests: encodeListing(listing, codec.encodeRequest) }
        },
        paginationData: codec.encodePage(page, total)
      }
    }

  return [
    boundary.unary({
      method: V2_METHODS.getFriends,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return friendsPage(page, await friends.list(caller(call), caller(call), page))
      }
    }),
    boundary.unary({
      method: V2_METHODS.getMutualFriends,
      refuse: codec.rethrow,
      handle: async ({ user, pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return friendsPage(page, await friends.mutual(caller(call), addressOf(user), page))
      }
    }),
    boundary.unary({
      method: V2_METHODS.getPendingFriendshipRequests,
      refuse: codec.requestsInternalCase,
      handle: requests('incoming')
    }),
    boundary.unary({
      method: V2_METHODS.getSentFriendshipRequests,
      refuse: codec.requestsInternalCase,
      handle: requests('outgoing')
    }),
    boundary.unary({
      method: V2_METHODS.getBlockedUsers,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.BLOCKED_PAGE)
        const { items, total } = await blocks.blocked(caller(call), page)
        const profile = await profiles.lookUp(items.map(({ address }) => address))
        const profileOf = ({ address }: BlockedUser) => profile(address)
        const listing = { items, profileOf, besideOf: () => BLOCKED_SIZE, maxBytes }
        return {
          profiles: encodeListing(listing, ({ since }, shown) => codec.encodeBlocked(shown, since)),
          paginationData: codec.encodePage(page, total)
        }
      }
    }),
    boundary.unary({
      method: V2_METHODS.getBlockingStatus,
      refuse: codec.rethrow,
      handle: async (_, call) => {
        const { blocked, blockedBy } = await blocks.status(caller(call), Math.floor(maxBytes / ADDRESS_SIZE))
        const [blockedUsers, blockedByUsers] = fittingBoth([blocked, blockedBy], () => ADDRESS_SIZE, maxBytes)
        return { blockedUsers, blockedByUsers }
      }
    })
  ]
}
