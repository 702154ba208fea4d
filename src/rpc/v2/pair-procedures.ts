import type { Procedure } from '../engine/service.ts'
import { actionOf, addressOf } from '../fields.ts'
import * as codec from './codec.ts'
import { caller, type V2Boundary, type V2Context, type V2Deps } from './deps.ts'
import * as settingsCodec from './settings-codec.ts'

const { METHODS } = codec

/** What a user does to another, and how the two stand to each other. */
export function pairProcedures(
  { friends, blocks, profiles }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  return [
    boundary.unary({
      method: METHODS.upsertFriendship,
      refuse: codec.actionCase,
      handle: async ({ action }, call) => {
        const intent = { actor: caller(call), ...actionOf(action) }
        const event = await friends.act(intent)
        return codec.encodeAccepted(event, await profiles.one(intent.target))
      }
    }),
    boundary.unary({
      method: METHODS.getFriendshipStatus,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const [viewer, other] = [caller(call), addressOf(user)]
        const accepted = codec.encodeStatus(await friends.between(viewer, other), viewer, other)
        return { response: { $case: 'accepted' as const, accepted } }
      }
    }),
    boundary.unary({
      method: METHODS.blockUser,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const target = addressOf(user)
        const since = await blocks.block(caller(call), target)
        return codec.okCase({ profile: codec.encodeBlocked(await profiles.one(target), since) })
      }
    }),
    boundary.unary({
      method: METHODS.unblockUser,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const target = addressOf(user)
        await blocks.unblock(caller(call), target)
        return codec.okCase({ profile: codec.encodeBlocked(await profiles.one(target), null) })
      }
    })
  ]
}

/** What a user decides about themselves, and others about how they want to be written to. */
export function settingsProcedures({ settings }: V2Deps, boundary: V2Boundary): readonly Procedure<V2Context>[] {
  return [
    boundary.unary({
      method: METHODS.getSocialSettings,
      refuse: codec.internalCase,
      handle: async (_, call) => {
        const all = await settings.of(caller(call))
        return codec.okCase({ settings: settingsCodec.encodeSettings(all) })
      }
    }),
    boundary.unary({
      method: METHODS.upsertSocialSettings,
      refuse: codec.requestCase,
      handle: async (payload, call) => {
        const all = await settings.change(caller(call), settingsCodec.decodeSettings(payload))
        return codec.okCase(settingsCodec.encodeSettings(all))
      }
    }),
    boundary.unary({
      method: METHODS.getPrivateMessagesSettings,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const others = await settings.messageSettings(caller(call), user.map(addressOf))
        return codec.okCase({ settings: others.map(settingsCodec.encodeMessageSettings) })
      }
    })
  ]
}
