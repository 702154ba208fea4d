import type { ActionLimits } from '../../../friendships/action-limits.ts'
import type { Friendships } from '../../../friendships/friendships.ts'
import type { Settings } from '../../../friendships/settings.ts'
import { FriendshipStateEvents } from '../../../friendships/state-event.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { RuleName } from '../routes.ts'
import { type ChannelLimits, Channels } from './channels.ts'
import { CreateRoomRule, type PairRooms } from './create-room.ts'
import { FriendshipRule } from './friendship.ts'
import type { FriendshipEventWriter } from './friendship-events.ts'
import { MembershipRules } from './membership.ts'
import { MessageRule } from './message.ts'
import { Policy } from './policy.ts'
import { PresenceRules } from './presence.ts'
import { RoomAccess } from './room-access.ts'
import type { Rooms } from './rooms.ts'
import { closed, FORWARD, type PublicRule, type Rule } from './rule.ts'
import { StateRule } from './state.ts'

interface RulesDeps {
  readonly ids: MatrixIds
  readonly rooms: Rooms
  readonly friends: Friendships
  readonly settings: Settings
  readonly limits: ActionLimits
  readonly channelLimits: ChannelLimits
  /** Whether there may be private rooms that are not the room of a pair. */
  readonly allowPrivateRooms: boolean
  /** Null where clients make the rooms of pairs themselves. */
  readonly pairRooms: PairRooms | null
  readonly friendshipEvents: FriendshipEventWriter
}

export type RoomRuleName = Exclude<RuleName, 'login' | 'logout' | 'logoutAll'>

/** Every rule about rooms and users, by the name that the table of routes has for it. */
export function createRules(deps: RulesDeps): Readonly<Record<RoomRuleName, Rule>> {
  const { ids, rooms, friends } = deps
  const policy = new Policy(friends, deps.settings)
  const access = new RoomAccess(rooms, deps.allowPrivateRooms)
  const channels = new Channels(rooms, ids, deps.channelLimits)
  const membership = new MembershipRules({ ids, rooms, access, policy, channels })
  const stateEvents = new FriendshipStateEvents(friends, ids)
  const friendship = new FriendshipRule({ access, stateEvents, writer: deps.friendshipEvents })
  const presence = new PresenceRules(ids, policy)

  return {
    createRoom: new CreateRoomRule({
      ids,
      rooms,
      access,
      policy,
      channels,
      limits: deps.limits,
      pairRooms: deps.pairRooms
    }).create,
    createAlias: closed('An alias is made with its room'),
    join: membership.join,
    invite: membership.invite,
    message: new MessageRule(access, policy).send,
    state: new StateRule({ ids, access, membership, friendship }).put,
    upgrade: closed('Rooms keep their version'),
    knock: closed('Rooms are joined or invited to, and not knocked at'),
    setPresence: presence.set,
    seePresence: presence.see,
    media: mediaRule(ids)
  }
}

/** Media of other servers would be fetched from there first. */
export function mediaRule(ids: MatrixIds): PublicRule {
  return ({ params }) => {
    if (params.serverName !== ids.serverName) throw new MatrixError(404, 'M_NOT_FOUND', 'There is no such media here')
    return FORWARD
  }
}
