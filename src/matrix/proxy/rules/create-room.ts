import { z } from 'zod'
import { type Address, isOneOf, type OrderedPair, orderedPair, otherOf } from '../../../domain/address.ts'
import type { ActionLimits } from '../../../friendships/action-limits.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { PairRoomCreator } from '../../rooms/pair-room-creator.ts'
import type { Channels } from './channels.ts'
import type { Policy } from './policy.ts'
import type { RoomAccess } from './room-access.ts'
import type { Rooms } from './rooms.ts'
import { answer, forbidden, parseBody, type RuleCall, type RuleResult } from './rule.ts'

export interface CreateRoomDeps {
  readonly ids: MatrixIds
  readonly rooms: Rooms
  readonly access: RoomAccess
  readonly policy: Policy
  readonly channels: Channels
  /** Of rooms that the service creates: the homeserver limits only what users do in their own name. */
  readonly limits: ActionLimits
  /** Null where clients create the rooms of pairs themselves. */
  readonly pairRooms: PairRoomCreator | null
  /** Called there when a user has made such a room, or was refused because its name is reserved. */
  readonly onPairName?: ((isReserved: boolean) => void) | undefined
}

/** People who are invited at the same time: each of them is looked up. */
const MAX_INVITES = 50

/**
 * What can be said of a new room. Anything else is refused by its name: a state event to begin with, powers or a version
 * could make of a room what its kind must not be.
 */
export const NEW_ROOM = z.strictObject({
  preset: z.enum(['public_chat', 'private_chat', 'trusted_private_chat']).optional(),
  visibility: z.enum(['public', 'private']).optional(),
  room_alias_name: z.string().min(1).max(200).optional(),
  name: z.string().max(255).optional(),
  topic: z.string().max(1000).optional(),
  invite: z.array(z.string().max(255)).max(MAX_INVITES).optional(),
  is_direct: z.boolean().optional(),
  creation_content: z.strictObject({ type: z.literal('channel').optional() }).optional()
})
type NewRoom = z.infer<typeof NEW_ROOM>

/** Which rooms can be created: channels, the room of a pair, and others where they are allowed. */
export class CreateRoomRule {
  readonly #deps: CreateRoomDeps

  constructor(deps: CreateRoomDeps) {
    this.#deps = deps
  }

  readonly create = async (call: RuleCall): Promise<RuleResult> => {
    const room = parseBody(NEW_ROOM, call.body)
    if (isPublic(room)) return this.#createChannel(call, room)
    if (room.visibility === 'public') throw new MatrixError(400, 'M_INVALID_PARAM', 'Only channels can be listed')
    const pair = this.#requestedPair(call.actor, room)
    if (pair) return this.#createPairRoom(call, pair)
    return this.#createPrivateRoom(call, room)
  }

  async #createChannel(call: RuleCall, room: NewRoom): Promise<RuleResult> {
    this.#checkAlias(room)
    const invite = await this.#checkInvites(call.actor, room)
    const release = await this.#deps.channels.checkCreate(call)
    return { kind: 'forward', body: { ...room, invite, preset: 'public_chat', is_direct: false }, onResponse: release }
  }

  async #createPairRoom(call: RuleCall, pair: OrderedPair): Promise<RuleResult> {
    const { policy, limits, pairRooms, onPairName, ids, rooms } = this.#deps
    const other = otherOf(pair, call.actor)
    await policy.checkContact(call.actor, other)
    if (pairRooms) {
      await limits.take({ actor: call.actor, target: other, action: 'request' })
      const roomId = await pairRooms.ensure(pair, call.actor)
      rooms.rememberPair(roomId, pair)
      return answer({ room_id: roomId })
    }
    const room = { preset: 'trusted_private_chat', is_direct: true, invite: [ids.userId(other)] }
    return {
      kind: 'forward',
      body: { ...room, room_alias_name: ids.pairAliasName(pair) },
      onResponse: status => {
        if (status === 200) onPairName?.(false)
      },
      onRefusal: errcode => {
        if (errcode === 'M_EXCLUSIVE') onPairName?.(true)
      }
    }
  }

  async #createPrivateRoom(call: RuleCall, room: NewRoom): Promise<RuleResult> {
    this.#deps.access.checkPrivateRooms()
    this.#checkAlias(room)
    return { kind: 'forward', body: { ...room, invite: await this.#checkInvites(call.actor, room) } }
  }

  /**
   * The pair whose room a private one is to be: that of its alias, and of every room for the actor and one other. Two
   * users have one room, so that nothing which holds for it can be had otherwise in another.
   */
  #requestedPair(actor: Address, { room_alias_name, invite = [] }: NewRoom): OrderedPair | null {
    const { ids } = this.#deps
    // A user who is named twice is one, and the actor is in it anyway.
    const others = [...new Set(invite.map(userId => ids.addressOf(userId)))].filter(address => address !== actor)
    const [first] = others
    const both = others.length === 1 && first ? orderedPair(actor, first) : null
    const named = ids.pairOfName(room_alias_name)
    if (named === null) return room_alias_name === undefined ? both : null
    if (![actor, ...others].every(user => isOneOf(named, user))) throw forbidden('This alias is that of two others')
    return named
  }

  #checkAlias({ room_alias_name }: NewRoom): void {
    if (this.#deps.ids.pairOfName(room_alias_name)) throw forbidden('This alias is that of the room of two users')
  }

  /** @returns the ids of those who are invited, who have no other spelling to the homeserver */
  async #checkInvites(actor: Address, { invite = [] }: NewRoom): Promise<string[]> {
    const { ids, policy } = this.#deps
    const invited: string[] = []
    for (const userId of invite) {
      const address = ids.addressOf(userId)
      if (address !== null && address !== actor) await policy.checkInvite(actor, address)
      invited.push(address === null ? userId : ids.userId(address))
    }
    return invited
  }
}

function isPublic({ preset, visibility }: NewRoom): boolean {
  return preset === undefined ? visibility === 'public' : preset === 'public_chat'
}
