import type { Address } from '../../domain/address.ts'
import type { Page, Paged } from '../../domain/page.ts'
import type { RequestDirection } from '../../friendships/friendships.ts'
import type { Call, Procedure } from '../engine/service.ts'
import { addressOf } from '../fields.ts'
import { caller, type V2Boundary, type V2Context } from './caller.ts'
import * as codec from './codec.ts'
import type { V2Deps } from './deps.ts'

const { METHODS } = codec

type PageField = Parameters<typeof codec.pageOfField>[0]

/** Lists of users, in pages, each user with their profile. */
export function listProcedures(
  { friends, blocks, profiles }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  const friendsPage = async (page: Page, { items, total }: Paged<Address>) => {
    const profileOf = await profiles.lookUp(items)
    return {
      friends: items.map(friend => codec.encodeProfile(profileOf(friend))),
      paginationData: codec.encodePage(page, total)
    }
  }

  const requests =
    (direction: RequestDirection) =>
    async ({ pagination }: { readonly pagination?: PageField }, call: Call<V2Context>) => {
      const page = codec.pageOfField(pagination, codec.REQUESTS_PAGE)
      const { items, total } = await friends.requests(caller(call), direction, page)
      const profileOf = await profiles.lookUp(items.map(({ address }) => address))
      const encoded = items.map(request => codec.encodeRequest(request, profileOf(request.address)))
      return {
        response: { $case: 'requests' as const, requests: { requests: encoded } },
        paginationData: codec.encodePage(page, total)
      }
    }

  return [
    boundary.unary({
      method: METHODS.getFriends,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return friendsPage(page, await friends.list(caller(call), caller(call), page))
      }
    }),
    boundary.unary({
      method: METHODS.getMutualFriends,
      refuse: codec.rethrow,
      handle: async ({ user, pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return friendsPage(page, await friends.mutual(caller(call), addressOf(user), page))
      }
    }),
    boundary.unary({
      method: METHODS.getPendingFriendshipRequests,
      refuse: codec.requestsInternalCase,
      handle: requests('incoming')
    }),
    boundary.unary({
      method: METHODS.getSentFriendshipRequests,
      refuse: codec.requestsInternalCase,
      handle: requests('outgoing')
    }),
    boundary.unary({
      method: METHODS.getBlockedUsers,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.BLOCKED_PAGE)
        const { items, total } = await blocks.blocked(caller(call), page)
        const profileOf = await profiles.lookUp(items.map(({ address }) => address))
        return {
          profiles: items.map(({ address, since }) => codec.encodeBlocked(profileOf(address), since)),
          paginationData: codec.encodePage(page, total)
        }
      }
    }),
    boundary.unary({
      method: METHODS.getBlockingStatus,
      refuse: codec.rethrow,
      handle: async (_, call) => {
        const { blocked, blockedBy } = await blocks.status(caller(call))
        return { blockedUsers: blocked, blockedByUsers: blockedBy }
      }
    })
  ]
}
