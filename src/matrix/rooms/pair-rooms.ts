import { type Address, type OrderedPair, orderedPair, otherOf } from '../../domain/address.ts'
import type { Accounts } from '../client/accounts.ts'
import type { Membership } from '../client/answers.ts'
import type { HomeserverClient } from '../client/client.ts'
import { HomeserverError, ifFailedAs } from '../client/errors.ts'
import type { RoomAlias, RoomId } from '../client/ids.ts'
import type { NewRoom } from '../client/user.ts'

/** What rooms of pairs need of a homeserver. */
export type RoomCalls = Pick<HomeserverClient, 'ids' | 'as' | 'resolveAlias' | 'deleteAlias'>

type State = NonNullable<NewRoom['state']>

/** A room with at least one of its two users in it. */
export interface OpenRoom {
  readonly roomId: RoomId
  readonly isNew: boolean
}

export interface PairRoomsOptions {
  /**
   * Whether a room that is not complete may be one that is just being created, also by a try of our own that broke off:
   * then it is a `conflict`. Otherwise its creation has failed, and it is repaired or replaced.
   */
  readonly waitForCreation: boolean
}

/** The rooms that pairs share, found by their alias. Everything here can be repeated, and throws a HomeserverError. */
export class PairRooms {
  readonly #homeserver: RoomCalls
  readonly #accounts: Accounts
  readonly #options: PairRoomsOptions

  constructor(homeserver: RoomCalls, accounts: Accounts, options: PairRoomsOptions) {
    this.#homeserver = homeserver
    this.#accounts = accounts
    this.#options = options
  }

  /** The room of a pair, created in the name of one of the two unless it is there. */
  async ensure(pair: OrderedPair, actor: Address): Promise<RoomId> {
    return (await this.open(actor, otherOf(pair, actor))).roomId
  }

  /** The room of two users, with the one in it and the other invited at least. A new one begins with `state`. */
  async open(user: Address, other: Address, state: State = []): Promise<OpenRoom> {
    await Promise.all([this.#accounts.ensure(user), this.#accounts.ensure(other)])
    const created = await this.#create(user, other, state)
    if (created !== null) return { roomId: created, isNew: true }
    const alias = this.#aliasOf(user, other)
    const roomId = await this.#homeserver.resolveAlias(alias)
    if (roomId === null) throw inProgress()
    if (await this.#reopen(roomId, user, other)) return { roomId, isNew: false }

    await this.#homeserver.deleteAlias(alias)
    const replacement = await this.#create(user, other, state)
    if (replacement === null) throw inProgress()
    return { roomId: replacement, isNew: true }
  }

  /** The room of two users with both of them in it: the one comes in where the other is. */
  async ensureBothJoined(guest: Address, host: Address): Promise<RoomId> {
    await Promise.all([this.#accounts.ensure(guest), this.#accounts.ensure(host)])
    // Nearly always the invite is there. Where it is not, to go the long way costs little more.
    const joined = await this.#tryJoin(guest, this.#aliasOf(guest, host))
    if (joined === null) {
      const { roomId } = await this.open(host, guest)
      await this.#homeserver.as(guest).joinRoom(roomId)
      return roomId
    }
    const memberships = await this.#homeserver.as(guest).memberships(joined)
    if (memberships.get(this.#homeserver.ids.userId(host)) !== 'join') await this.#ensureJoined(joined, host, guest)
    return joined
  }

  /** The room of two users, also when neither is in it; null when there is none. */
  find(a: Address, b: Address): Promise<RoomId | null> {
    return this.#homeserver.resolveAlias(this.#aliasOf(a, b))
  }

  /** Accepts an invite. @returns whether the user is in the room: not without an invite, nor when nobody is left */
  async acceptInvite(roomId: RoomId, user: Address): Promise<boolean> {
    return (await this.#tryJoin(user, roomId)) !== null
  }

  #create(creator: Address, other: Address, state: State): Promise<RoomId | null> {
    return this.#homeserver.as(creator).createRoom({
      // Gives the other the same powers, which an event in their own name needs.
      preset: 'trusted_private_chat',
      aliasName: this.#homeserver.ids.pairAliasName(orderedPair(creator, other)),
      isDirect: true,
      invite: [other],
      state
    })
  }

  /**
   * Has the one in a room that was there, and the other invited.
   * @returns false when the room is of no use any more: everybody has left it, or it never came to be
   */
  async #reopen(roomId: RoomId, user: Address, other: Address): Promise<boolean> {
    const ids = this.#homeserver.ids
    const memberships = (await this.#membershipsFor(roomId, user)) ?? (await this.#membershipsFor(roomId, other))
    const [own, others] = [user, other].map(address => memberships?.get(ids.userId(address)))
    if (own === 'join' && (others === 'join' || others === 'invite')) return true
    // The homeserver creates a room step by step: the alias, its creator, how it is to be, and at last the invite.
    if (own === undefined || others === undefined) {
      if (this.#options.waitForCreation) throw inProgress()
      if (!memberships) return false
      if (!(await this.#isFullyCreated(roomId, [user, other]))) {
        await this.#leaveAll(roomId, [user, other])
        return false
      }
    }
    if (!(await this.#ensureJoined(roomId, user, other))) return false
    const members = await this.#homeserver.as(user).members(roomId)
    if (!members.includes(ids.userId(other))) await this.#homeserver.as(user).invite(roomId, other)
    return true
  }

  /** Null for a user who never was in the room. */
  #membershipsFor(roomId: RoomId, user: Address): Promise<ReadonlyMap<string, Membership> | null> {
    return ifFailedAs('forbidden', null, this.#homeserver.as(user).memberships(roomId))
  }

  /** Whether a room has what its creation gives it after its creator. */
  async #isFullyCreated(roomId: RoomId, users: readonly Address[]): Promise<boolean> {
    const states = users.map(user => {
      const state = this.#homeserver.as(user).getState(roomId, 'm.room.canonical_alias', '')
      return ifFailedAs('forbidden', null, state)
    })
    return (await Promise.all(states)).some(state => state !== null)
  }

  async #leaveAll(roomId: RoomId, users: readonly Address[]): Promise<void> {
    for (const user of users) {
      const left = this.#homeserver.as(user).leave(roomId)
      // So is answered who never was in it, in two ways.
      await ifFailedAs('forbidden', null, ifFailedAs('not_found', null, left))
    }
  }

  /** Has a user in the room, who may need the other for it. @returns false when nobody is left to let anyone in */
  async #ensureJoined(roomId: RoomId, user: Address, other: Address): Promise<boolean> {
    const join = (): Promise<RoomId | null> => ifFailedAs('not_found', null, this.#homeserver.as(user).joinRoom(roomId))
    const joined = await ifFailedAs('forbidden', 'not invited', join())
    if (joined !== 'not invited') return joined !== null
    await this.#homeserver.as(other).invite(roomId, user)
    return (await join()) !== null
  }

  #tryJoin(user: Address, room: RoomId | RoomAlias): Promise<RoomId | null> {
    const joining = this.#homeserver.as(user).joinRoom(room)
    return ifFailedAs('forbidden', null, ifFailedAs('not_found', null, joining))
  }

  #aliasOf(a: Address, b: Address): RoomAlias {
    return this.#homeserver.ids.pairAlias(orderedPair(a, b))
  }
}

/** Somebody else is at work on the same room: to begin anew finds that finished. */
function inProgress(): HomeserverError {
  return new HomeserverError({ kind: 'conflict', operation: 'openPairRoom' })
}
