import { z } from 'zod'
import type { RateLimit } from '../../../cluster/rate-limit.ts'
import type { Friendships } from '../../../friendships/friendships.ts'
import type { RelationCache } from '../../../friendships/relations.ts'
import type { Settings } from '../../../friendships/settings.ts'
import { FriendshipStateEvents } from '../../../friendships/state-event.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { RuleName } from '../route.ts'
import { type ChannelLimits, Channels } from './channels.ts'
import { type CreateRoomDeps, CreateRoomRule } from './create-room.ts'
import { MessageRule, StateRule } from './events.ts'
import { type FriendshipEventWriter, FriendshipRule } from './friendship.ts'
import { MembershipRules } from './membership.ts'
import { Policy } from './policy.ts'
import { ReadingRules } from './reading.ts'
import { RoomAccess } from './room-access.ts'
import type { Rooms } from './rooms.ts'
import { FORWARD, forbidden, type PublicRule, parseBody, type Rule, refuseAll } from './rule.ts'
import { SignalRules } from './signals.ts'

interface RulesDeps extends Pick<CreateRoomDeps, 'limits' | 'pairRooms' | 'onPairName'> {
  readonly ids: MatrixIds
  readonly rooms: Rooms
  readonly friends: Friendships
  readonly settings: Settings
  readonly relations: RelationCache
  readonly channelLimits: ChannelLimits
  /** How often a user makes a channel. */
  readonly channelCreations: RateLimit
  /** Whether there may be private rooms that are not the room of a pair. */
  readonly allowPrivateRooms: boolean
  readonly friendshipEvents: FriendshipEventWriter
}

export type RoomRuleName = Exclude<RuleName, 'login' | 'logout' | 'logoutAll'>

const STATUS = z.object({
  presence: z.enum(['online', 'unavailable', 'offline']),
  // It goes to everybody who shares a room with the user.
  status_msg: z.string().max(1000).nullish()
})

/** Every rule about rooms and users, by the name that the table of routes has for it. */
export function createRules(deps: RulesDeps): Readonly<Record<RoomRuleName, Rule>> {
  const { ids, rooms, friends } = deps
  const policy = new Policy(friends, deps.settings)
  const access = new RoomAccess(rooms, policy, deps.allowPrivateRooms)
  const channels = new Channels({ rooms, ids, creations: deps.channelCreations }, deps.channelLimits)
  const membership = new MembershipRules({ ids, rooms, access, policy, channels })
  const reading = new ReadingRules({ ids, rooms, relations: deps.relations })
  const signals = new SignalRules(access)
  const stateEvents = new FriendshipStateEvents(friends, ids)
  const friendship = new FriendshipRule({ access, stateEvents, writer: deps.friendshipEvents })

  return {
    createRoom: new CreateRoomRule({
      ids,
      rooms,
      access,
      policy,
      channels,
      limits: deps.limits,
      pairRooms: deps.pairRooms,
      onPairName: deps.onPairName
    }).create,
    createAlias: refuseAll('An alias is made with its room'),
    join: membership.join,
    invite: membership.invite,
    leave: signals.leave,
    typing: signals.typing,
    receipt: signals.receipt,
    readMarkers: signals.readMarkers,
    message: new MessageRule(access, policy).send,
    state: new StateRule({ ids, access, membership, friendship }).put,
    upgrade: refuseAll('Rooms keep their version'),
    knock: refuseAll('Rooms are joined or invited to, and not knocked at'),
    setPresence: setPresenceRule(ids),
    seePresence: reading.presence,
    sync: reading.sync,
    readEvents: reading.events,
    readEvent: reading.event,
    media: mediaRule(ids)
  }
}

function setPresenceRule(ids: MatrixIds): Rule {
  return ({ actor, params, body }) => {
    if (params.userId !== ids.userId(actor)) throw forbidden('This presence is not yours to set')
    return { kind: 'forward', body: parseBody(STATUS, body) }
  }
}

/** Media of other servers would be fetched from there first. */
export function mediaRule(ids: MatrixIds): PublicRule {
  return ({ params }) => {
    if (params.serverName !== ids.serverName) throw new MatrixError(404, 'M_NOT_FOUND', 'There is no such media here')
    return FORWARD
  }
}
