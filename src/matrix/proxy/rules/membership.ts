import { z } from 'zod'
import type { JsonObject } from '../../client/http.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { Channels } from './channels.ts'
import type { Policy } from './policy.ts'
import type { RoomAccess } from './room-access.ts'
import type { Rooms } from './rooms.ts'
import { forbidden, parseBody, type Rule, type RuleCall, type RuleResult } from './rule.ts'

interface MembershipDeps {
  readonly ids: MatrixIds
  readonly rooms: Rooms
  readonly access: RoomAccess
  readonly policy: Policy
  readonly channels: Channels
}

const REASON = z.string().max(1000).optional()
const INVITE = z.object({ user_id: z.string().max(255), reason: REASON })
// What else a client may say here could let it in by another door than the room's own.
const JOIN = z.object({ reason: REASON })

/** Who may be in which room. */
export class MembershipRules {
  readonly #deps: MembershipDeps

  constructor(deps: MembershipDeps) {
    this.#deps = deps
  }

  /** `/join/{roomIdOrAlias}` and `/rooms/{roomId}/join`. */
  readonly join: Rule = async call => {
    const body = parseBody(JOIN, call.body)
    const roomId = call.params.roomId ?? (await this.#roomOf(call))
    const shown = await this.#shown(call, roomId, body)
    const release = await this.checkJoin(call, roomId)
    const tail = call.params.txnId === undefined ? [] : [call.params.txnId]
    // By its id, whatever it was called by: an alias could have another room by the time that it is looked up again.
    return { kind: 'forward', parts: ['join', roomId, ...tail], body: shown, onResponse: release }
  }

  /** `/rooms/{roomId}/invite`. */
  readonly invite: Rule = async call => {
    const { user_id, ...said } = parseBody(INVITE, call.body)
    const { roomId = '' } = call.params
    const invited = await this.checkInvite(call, roomId, user_id)
    const shown = await this.#shown(call, roomId, said)
    return { kind: 'forward', body: { user_id: invited, ...shown } } satisfies RuleResult
  }

  /** @returns has to be called after the join, whatever came of it: until then other joins of the actor wait */
  async checkJoin(call: RuleCall, roomId: string): Promise<() => void> {
    const { access, policy, channels } = this.#deps
    const room = await access.authorize(call, roomId)
    if (room.kind === 'channel') return channels.checkJoin(call, roomId)
    if (room.kind === 'pair') await policy.checkContact(call.actor, room.other)
    return () => {}
  }

  /** @returns the id of the user, who has no other spelling to the homeserver */
  async checkInvite(call: RuleCall, roomId: string, userId: string): Promise<string> {
    const { access, policy, ids } = this.#deps
    const room = await access.authorize(call, roomId)
    const invited = ids.addressOf(userId)
    if (room.kind === 'pair' && invited !== room.other) throw forbidden('This room is for two')
    if (invited === null) return userId
    // Into the room of two a friendship request invites too, which needs no friends.
    if (room.kind === 'pair') await policy.checkContact(call.actor, room.other)
    else if (invited !== call.actor) await policy.checkInvite(call.actor, invited)
    return ids.userId(invited)
  }

  /** What is said with a change of membership, as far as it may be said. */
  async #shown(call: RuleCall, roomId: string, { reason }: { reason?: string | undefined }): Promise<JsonObject> {
    return reason !== undefined && (await this.#deps.access.mayWrite(call, roomId)) ? { reason } : {}
  }

  async #roomOf({ params, token }: RuleCall): Promise<string> {
    const room = params.roomIdOrAlias ?? ''
    if (room.startsWith('!')) return room
    const isHere = room.endsWith(`:${this.#deps.ids.serverName}`)
    const roomId = isHere ? await this.#deps.rooms.resolve(room, token) : null
    if (roomId === null) throw new MatrixError(404, 'M_NOT_FOUND', 'There is no such room')
    return roomId
  }
}
