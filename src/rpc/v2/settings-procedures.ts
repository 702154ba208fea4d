import type { Procedure } from '../engine/service.ts'
import { addressOf } from '../fields.ts'
import { caller, type V2Boundary, type V2Context } from './caller.ts'
import * as codec from './codec.ts'
import type { V2Deps } from './deps.ts'
import * as settingsCodec from './settings-codec.ts'

const { V2_METHODS } = codec

/** What a user decides about themselves, and others about how they want to be written to. */
export function settingsProcedures({ settings }: V2Deps, boundary: V2Boundary): readonly Procedure<V2Context>[] {
  return [
    boundary.unary({
      method: V2_METHODS.getSocialSettings,
      refuse: codec.internalCase,
      handle: async (_, call) => {
        const current = await settings.of(caller(call))
        return codec.okCase({ settings: settingsCodec.encodeSettings(current) })
      }
    }),
    boundary.unary({
      method: V2_METHODS.upsertSocialSettings,
      refuse: codec.requestCase,
      handle: async (payload, call) => {
        const current = await settings.change(caller(call), settingsCodec.decodeSettings(payload))
        return codec.okCase(settingsCodec.encodeSettings(current))
      }
    }),
    boundary.unary({
      method: V2_METHODS.getPrivateMessagesSettings,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const others = await settings.messageSettings(caller(call), user.map(addressOf))
        return codec.okCase({ settings: others.map(settingsCodec.encodeMessageSettings) })
      }
    })
  ]
}
