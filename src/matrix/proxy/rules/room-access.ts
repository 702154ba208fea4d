import { type Address, isOneOf, otherOf } from '../../../domain/address.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { Policy } from './policy.ts'
import type { RoomKind, Rooms } from './rooms.ts'
import { forbidden, type RuleCall } from './rule.ts'

/** A room in which the actor may do things. */
export type AccessibleRoom =
  | { readonly kind: 'pair'; readonly other: Address }
  | { readonly kind: 'channel' | 'private' }

/** Which rooms are for whom. */
export class RoomAccess {
  readonly #rooms: Rooms
  readonly #policy: Policy
  readonly #allowPrivateRooms: boolean

  /** @param allowPrivateRooms whether there may be private rooms that are not the room of a pair (ADR-113) */
  constructor(rooms: Rooms, policy: Policy, allowPrivateRooms: boolean) {
    this.#rooms = rooms
    this.#policy = policy
    this.#allowPrivateRooms = allowPrivateRooms
  }

  /**
   * The room, if the actor is one of those whom it is for. Whether they are in it, the homeserver sees to.
   * @throws MatrixError; HomeserverError when the homeserver does not answer
   */
  async authorize({ actor, token }: RuleCall, roomId: string): Promise<AccessibleRoom> {
    const room = await this.#rooms.kindOf(roomId, token)
    if (room === null) throw new MatrixError(404, 'M_NOT_FOUND', 'There is no such room for you')
    return this.#accessTo(room, actor)
  }

  /**
   * Whether what the actor does in a room, other than sending a message, may carry text to those who are in it. In the
   * room of a pair it may where a message may, so that nobody says in another way what they cannot send.
   * @throws HomeserverError when the homeserver does not answer
   */
  async mayWrite({ actor, token }: RuleCall, roomId: string): Promise<boolean> {
    const room = await this.#rooms.kindOf(roomId, token)
    if (room?.kind !== 'pair') return room !== null
    return isOneOf(room.pair, actor) && this.#policy.mayMessage(actor, otherOf(room.pair, actor))
  }

  checkPrivateRooms(): void {
    if (!this.#allowPrivateRooms) throw forbidden('Private rooms of other kinds than that of two users are closed')
  }

  #accessTo(room: RoomKind, actor: Address): AccessibleRoom {
    if (room.kind === 'private') this.checkPrivateRooms()
    if (room.kind !== 'pair') return { kind: room.kind }
    if (!isOneOf(room.pair, actor)) throw forbidden('This room is for two others')
    return { kind: 'pair', other: otherOf(room.pair, actor) }
  }
}
