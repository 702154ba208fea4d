import { z } from 'zod'
import { FRIENDSHIP_TYPE } from '../../../friendships/state-event.ts'
import type { JsonObject } from '../../client/http.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { DELAYS } from '../routes.ts'
import type { FriendshipRule } from './friendship.ts'
import type { MembershipRules } from './membership.ts'
import type { Policy } from './policy.ts'
import type { RoomAccess } from './room-access.ts'
import { FORWARD, forbidden, parseBody, type Rule, type RuleCall, type RuleResult } from './rule.ts'

interface StateDeps {
  readonly ids: MatrixIds
  readonly access: RoomAccess
  readonly membership: MembershipRules
  readonly friendship: FriendshipRule
}

/** How a room looks. All else that is state says who may do what in it, and what kind of room it is. */
const APPEARANCE: ReadonlySet<string> = new Set(['m.room.name', 'm.room.topic', 'm.room.avatar'])

const MEMBER = z.object({
  membership: z.enum(['join', 'invite', 'leave', 'ban', 'knock']),
  reason: z.string().max(1000).optional(),
  displayname: z.string().max(255).optional(),
  avatar_url: z.string().max(1000).optional(),
  is_direct: z.boolean().optional()
})
type Member = z.infer<typeof MEMBER>

/** `PUT /rooms/{roomId}/state/{eventType}[/{stateKey}]`. */
export class StateRule {
  readonly #deps: StateDeps

  constructor(deps: StateDeps) {
    this.#deps = deps
  }

  readonly put: Rule = async call => {
    refuseDelay(call)
    const { roomId = '', eventType = '', stateKey = '' } = call.params
    if (eventType === FRIENDSHIP_TYPE) return this.#deps.friendship.change(call, roomId, stateKey)
    if (eventType === 'm.room.member') return this.#member(call, roomId, stateKey)
    const room = await this.#deps.access.authorize(call, roomId)
    const isAppearance = stateKey === '' && APPEARANCE.has(eventType)
    if (room.kind === 'pair' || !isAppearance) throw forbidden('This state is not yours to set')
    return FORWARD
  }

  /** Being in a room is state too: what has calls of its own is possible here under the same rules. */
  async #member(call: RuleCall, roomId: string, userId: string): Promise<RuleResult> {
    const member = parseBody(MEMBER, call.body)
    const isOwn = userId === this.#deps.ids.userId(call.actor)
    if (member.membership === 'join' && isOwn) {
      const body = await this.#shown(call, roomId, member)
      return { kind: 'forward', body, onResponse: await this.#deps.membership.checkJoin(call, roomId) }
    }
    if (member.membership === 'invite' && !isOwn) {
      const invited = await this.#deps.membership.checkInvite(call, roomId, userId)
      const body = await this.#shown(call, roomId, member)
      return { kind: 'forward', body, parts: ['rooms', roomId, 'state', 'm.room.member', invited] }
    }
    if (member.membership !== 'leave' || !isOwn) throw forbidden('This membership is not yours to set')
    return { kind: 'forward', body: await this.#shown(call, roomId, member) }
  }

  /** A membership, with its text where that may be shown. Without a name the homeserver takes that of the profile. */
  async #shown(call: RuleCall, roomId: string, member: Member): Promise<JsonObject> {
    const { membership, is_direct, ...texts } = member
    if (Object.keys(texts).length === 0 || (await this.#deps.access.mayWrite(call, roomId))) return member
    return { membership, is_direct }
  }
}

/** `POST /rooms/{roomId}/send/{eventType}`, and `PUT` with a transaction id behind it. */
export class MessageRule {
  readonly #access: RoomAccess
  readonly #policy: Policy

  constructor(access: RoomAccess, policy: Policy) {
    this.#access = access
    this.#policy = policy
  }

  readonly send: Rule = async call => {
    refuseDelay(call)
    const { roomId = '', eventType = '' } = call.params
    if (!isMessage(eventType)) throw forbidden('Events of this type cannot be sent')
    const room = await this.#access.authorize(call, roomId)
    if (room.kind === 'pair') await this.#policy.checkMessage(call.actor, room.other)
    return FORWARD
  }
}

/**
 * Whether an event only says something. Others of `m.room.` are the state of a room, or take back what is in it
 * (`m.room.redaction`): in a room for two each has the power to empty what the other said, and the room's alias too.
 * A friendship is changed by its state event, and what looks like one must not be made up beside it.
 */
function isMessage(eventType: string): boolean {
  return eventType === 'm.room.message' || !(eventType.startsWith('m.room.') || eventType === FRIENDSHIP_TYPE)
}

/** An event that is sent later would be checked by what holds now (MSC4140). */
function refuseDelay({ query }: RuleCall): void {
  if (DELAYS.some(name => query.has(name))) throw forbidden('Events cannot be sent later')
}
