import type { Address } from '../domain/address.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { Page, Paged } from '../domain/page.ts'
import { unknownProfile } from '../profiles/profile.ts'
import type { Profiles } from '../profiles/profiles.ts'
import type { Subscriptions } from '../realtime/subscriptions.ts'
import type { Blocks } from '../social/blocks.ts'
import type { Connectivity } from '../social/connectivity.ts'
import type { Friends, RequestDirection } from '../social/friends.ts'
import type { Settings } from '../social/settings.ts'
import { Boundary } from './boundary.ts'
import { actionOf, addressOf } from './fields.ts'
import type { Call, ErrorReporter, Procedure, Service } from './service.ts'
import * as codec from './v2-codec.ts'
import { unservedProcedures } from './v2-unserved.ts'

const { METHODS } = codec

/** Who is at the other end of a v2 socket: the handshake told. */
export interface V2Context {
  readonly address: Address
}

export interface V2Parts {
  readonly friends: Friends
  readonly blocks: Blocks
  readonly settings: Settings
  readonly connectivity: Connectivity
  readonly profiles: Profiles
  readonly subscriptions: Subscriptions
  readonly report: ErrorReporter
  /** Told of every update that is handed to a client. */
  readonly updateSent: (action: PairAction) => void
}

/** `SocialService` of protocol v2: its user is known by the socket. */
export function socialService(parts: V2Parts): Service<V2Context> {
  const boundary = new Boundary<V2Context>(parts.report)
  const procedures: Procedure<V2Context>[] = [
    ...listProcedures(parts, boundary),
    ...friendshipProcedures(parts, boundary),
    ...blockProcedures(parts, boundary),
    ...settingsProcedures(parts, boundary),
    ...unservedProcedures(boundary)
  ]
  return { name: 'SocialService', procedures: new Map(procedures.map(procedure => [procedure.name, procedure])) }
}

type CallOf = Call<V2Context>

const caller = (call: CallOf): Address => call.connection.context.address

function listProcedures({ friends, profiles }: V2Parts, boundary: Boundary<V2Context>) {
  const encodeFriends = async (page: Page, { items, total }: Paged<Address>) => {
    const shown = await profiles.of(items)
    return {
      friends: items.map(address => codec.encodeProfile(shown.get(address) ?? unknownProfile(address))),
      paginationData: codec.encodePage(page, total)
    }
  }
  const requests = (direction: RequestDirection) => async (payload: { pagination?: PageField }, call: CallOf) => {
    const page = codec.pageOfField(payload.pagination, codec.REQUESTS_PAGE)
    const { items, total } = await friends.requests(caller(call), direction, page)
    const shown = await profiles.of(items.map(({ address }) => address))
    const listed = items.map(item => codec.encodeRequest(item, shown.get(item.address) ?? unknownProfile(item.address)))
    return {
      response: { $case: 'requests' as const, requests: { requests: listed } },
      paginationData: codec.encodePage(page, total)
    }
  }

  return [
    boundary.unary({
      method: METHODS.getFriends,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return encodeFriends(page, await friends.list(caller(call), caller(call), page))
      }
    }),
    boundary.unary({
      method: METHODS.getMutualFriends,
      refuse: codec.rethrow,
      handle: async ({ user, pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.FRIENDS_PAGE)
        return encodeFriends(page, await friends.mutual(caller(call), addressOf(user), page))
      }
    }),
    boundary.unary({
      method: METHODS.getPendingFriendshipRequests,
      refuse: error => ({ ...codec.internalCase(error), paginationData: undefined }),
      handle: requests('incoming')
    }),
    boundary.unary({
      method: METHODS.getSentFriendshipRequests,
      refuse: error => ({ ...codec.internalCase(error), paginationData: undefined }),
      handle: requests('outgoing')
    })
  ]
}

type PageField = Parameters<typeof codec.pageOfField>[0]

function friendshipProcedures(parts: V2Parts, boundary: Boundary<V2Context>) {
  const { friends, profiles, connectivity, subscriptions, updateSent } = parts
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
    boundary.stream({
      method: METHODS.subscribeToFriendshipUpdates,
      refuse: codec.rethrow,
      handle: async function* (_, call) {
        const updates = subscriptions.open({ address: caller(call), tokenHash: null, signal: call.signal })
        for await (const event of updates) {
          const update = codec.encodeUpdate(event, await profiles.one(event.actor))
          if (!update) continue
          updateSent(event.action)
          yield update
        }
      }
    }),
    boundary.stream({
      method: METHODS.subscribeToFriendConnectivityUpdates,
      refuse: codec.rethrow,
      handle: async function* (_, call) {
        for await (const update of connectivity.open(caller(call), call.signal)) {
          yield codec.encodeConnectivity(update, await profiles.one(update.friend))
        }
      }
    })
  ]
}

function blockProcedures({ blocks, profiles, subscriptions, updateSent }: V2Parts, boundary: Boundary<V2Context>) {
  return [
    boundary.unary({
      method: METHODS.blockUser,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const target = addressOf(user)
        const since = await blocks.block(caller(call), target)
        const profile = codec.encodeBlocked(await profiles.one(target), since)
        return codec.okCase({ profile })
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
    }),
    boundary.unary({
      method: METHODS.getBlockedUsers,
      refuse: codec.rethrow,
      handle: async ({ pagination }, call) => {
        const page = codec.pageOfField(pagination, codec.BLOCKED_PAGE)
        const { items, total } = await blocks.blocked(caller(call), page)
        const shown = await profiles.of(items.map(({ address }) => address))
        return {
          profiles: items.map(({ address, since }) =>
            codec.encodeBlocked(shown.get(address) ?? unknownProfile(address), since)
          ),
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
    }),
    boundary.stream({
      method: METHODS.subscribeToBlockUpdates,
      refuse: codec.rethrow,
      handle: async function* (_, call) {
        const updates = subscriptions.open({ address: caller(call), tokenHash: null, signal: call.signal })
        for await (const { action, actor } of updates) {
          if (action !== 'block' && action !== 'unblock') continue
          updateSent(action)
          yield { address: actor, isBlocked: action === 'block' }
        }
      }
    })
  ]
}

function settingsProcedures({ settings }: V2Parts, boundary: Boundary<V2Context>) {
  return [
    boundary.unary({
      method: METHODS.getSocialSettings,
      refuse: codec.internalCase,
      handle: async (_, call) => {
        const all = codec.encodeSettings(await settings.of(caller(call)))
        return codec.okCase({ settings: all })
      }
    }),
    boundary.unary({
      method: METHODS.upsertSocialSettings,
      refuse: codec.requestCase,
      handle: async (payload, call) => {
        const all = await settings.change(caller(call), codec.decodeSettings(payload))
        return codec.okCase(codec.encodeSettings(all))
      }
    }),
    boundary.unary({
      method: METHODS.getPrivateMessagesSettings,
      refuse: codec.requestCase,
      handle: async ({ user }, call) => {
        const others = await settings.messageSettings(caller(call), user.map(addressOf))
        const encoded = others.map(({ address, privateMessages, isFriend }) => ({
          user: { address },
          privateMessagesPrivacy: codec.encodePrivacy(privateMessages),
          isFriend
        }))
        return codec.okCase({ settings: encoded })
      }
    })
  ]
}
