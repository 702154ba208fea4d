import { type Address, type OrderedPair, orderedPair } from '../domain/address.ts'
import type { Accounts } from './accounts.ts'
import type { HomeserverClient } from './client.ts'
import { HomeserverError, ifFailedAs } from './errors.ts'
import type { RoomAlias, RoomId } from './ids.ts'
import type { NewRoom } from './user.ts'

/** What rooms of pairs need of a homeserver. */
export type RoomCalls = Pick<HomeserverClient, 'ids' | 'as' | 'resolveAlias' | 'deleteAlias'>

type State = NonNullable<NewRoom['state']>

/** A room with at least one of its two users in it. */
export interface OpenRoom {
  readonly roomId: RoomId
  readonly isNew: boolean
}

/**
 * The rooms that pairs share, found by their alias. Everything here can be repeated, also after a try that broke off in
 * the middle, and throws a HomeserverError when it fails.
 */
export class PairRooms {
  readonly #homeserver: RoomCalls
  readonly #accounts: Accounts

  constructor(homeserver: RoomCalls, accounts: Accounts) {
    this.#homeserver = homeserver
    this.#accounts = accounts
  }

  /** The room of a pair, made in the name of one of the two unless it is there. */
  async ensure({ lo, hi }: OrderedPair, actor: Address): Promise<RoomId> {
    return (await this.open(actor, actor === lo ? hi : lo)).roomId
  }

  /** The room of two users, with the one in it and the other invited at least. A new one begins with `state`. */
  async open(user: Address, other: Address, state: State = []): Promise<OpenRoom> {
    await Promise.all([this.#accounts.ensure(user), this.#accounts.ensure(other)])
    const made = await this.#make(user, other, state)
    if (made !== null) return { roomId: made, isNew: true }

    // The alias is there from the start of a creation, which may have ended before everybody was in the room.
    const alias = this.#aliasOf(user, other)
    const roomId = await this.#homeserver.resolveAlias(alias)
    if (roomId === null) throw aliasMoved()
    if (await this.#bringIn(roomId, user, other)) {
      const members = await this.#homeserver.as(user).members(roomId)
      if (!members.includes(this.#homeserver.ids.userId(other))) await this.#homeserver.as(user).invite(roomId, other)
      return { roomId, isNew: false }
    }

    await this.#homeserver.deleteAlias(alias)
    const next = await this.#make(user, other, state)
    if (next === null) throw aliasMoved()
    return { roomId: next, isNew: true }
  }

  /** The room of two users with both of them in it: the one comes in where the other is. */
  async meet(guest: Address, host: Address): Promise<RoomId> {
    await Promise.all([this.#accounts.ensure(guest), this.#accounts.ensure(host)])
    // Nearly always the invite is there. Where it is not, to go the long way costs little more.
    const joined = await this.#tryJoin(guest, this.#aliasOf(guest, host))
    if (joined === null) {
      const { roomId } = await this.open(host, guest)
      await this.#homeserver.as(guest).joinRoom(roomId)
      return roomId
    }
    const memberships = await this.#homeserver.as(guest).memberships(joined)
    if (memberships.get(this.#homeserver.ids.userId(host)) !== 'join') await this.#bringIn(joined, host, guest)
    return joined
  }

  /** The room of two users, whoever is in it; null when there is none. */
  find(a: Address, b: Address): Promise<RoomId | null> {
    return this.#homeserver.resolveAlias(this.#aliasOf(a, b))
  }

  /** Takes up an invite. @returns whether the user is in the room: not without an invite, nor when nobody is left */
  async takeUpInvite(roomId: RoomId, user: Address): Promise<boolean> {
    return (await this.#tryJoin(user, roomId)) !== null
  }

  #make(creator: Address, other: Address, state: State): Promise<RoomId | null> {
    return this.#homeserver.as(creator).createRoom({
      // Gives the other the same powers, which an event in their own name needs.
      preset: 'trusted_private_chat',
      aliasName: this.#homeserver.ids.pairAliasName(orderedPair(creator, other)),
      isDirect: true,
      invite: [other],
      state
    })
  }

  /** Has a user in the room, who may need the other for it. @returns false when nobody is left to let anyone in */
  async #bringIn(roomId: RoomId, user: Address, other: Address): Promise<boolean> {
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

/** Somebody else is at work on the same alias: to begin anew finds it settled. */
function aliasMoved(): HomeserverError {
  return new HomeserverError({ kind: 'conflict', operation: 'resolveAlias' })
}
