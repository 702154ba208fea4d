import type { Procedure } from '../engine/service.ts'
import { actionOf, addressOf } from '../fields.ts'
import { caller, type V2Boundary, type V2Context } from './caller.ts'
import * as codec from './codec.ts'
import type { V2Deps } from './deps.ts'

const { V2_METHODS } = codec

/** What a user does to another, and how the two stand to each other. */
export function pairProcedures(
  { friends, blocks, profiles }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  return [
    boundary.unary({
      method: V2_METHODS.upsertFriendship,
      refuse: codec.actionCase,
      handle: async ({ action }, call) => {
        const intent = { actor: caller(call), ...actionOf(action) }
        const event = await friends.act(intent)
        return codec.encodeAccepted(event, await profiles.one(intent.target))
      }
    }),
    boundary.unary({
      method: V2_METHODS.getFriendshipStatus,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const [viewer, other] = [caller(call), addressOf(user)]
        const accepted = codec.encodeStatus(await friends.between(viewer, other), viewer, other)
        return { response: { $case: 'accepted' as const, accepted } }
      }
    }),
    boundary.unary({
      method: V2_METHODS.blockUser,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const target = addressOf(user)
        const since = await blocks.block(caller(call), target)
        return codec.okCase({ profile: codec.encodeBlocked(await profiles.one(target), since) })
      }
    }),
    boundary.unary({
      method: V2_METHODS.unblockUser,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const target = addressOf(user)
        await blocks.unblock(caller(call), target)
        return codec.okCase({ profile: codec.encodeBlocked(await profiles.one(target), null) })
      }
    })
  ]
}
