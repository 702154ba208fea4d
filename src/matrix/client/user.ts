import { z } from 'zod'
import type { Address } from '../../domain/address.ts'
import { CONTENT, EVENT_ID, MEMBERSHIP, type Membership, NOTHING, ROOM_ID } from './answers.ts'
import { HomeserverError, ifFailedAs } from './errors.ts'
import type { HomeserverCall, JsonObject } from './http.ts'
import type { EventId, MatrixIds, RoomAlias, RoomId, UserId } from './ids.ts'

/** A call whose token is the service's own. */
export type ServiceCall = Omit<HomeserverCall, 'token' | 'asService'>

export interface NewRoom {
  readonly preset: 'private_chat' | 'trusted_private_chat' | 'public_chat'
  /** Without sigil and server. */
  readonly aliasName?: string
  readonly isDirect?: boolean
  readonly invite?: readonly Address[]
  /** State events that the room begins with. */
  readonly state?: readonly { readonly type: string; readonly stateKey: string; readonly content: JsonObject }[]
}

const MEMBERS = z.object({
  chunk: z.array(z.object({ state_key: z.string(), content: z.object({ membership: MEMBERSHIP }) }))
})
const MEMBER = z.object({ membership: MEMBERSHIP })
const DISPLAY_NAME = z.object({ displayname: z.string().nullish() })

/**
 * The device by which the homeserver knows our transaction ids. Without a device they are forgotten within the hour and
 * at a restart; with one they last as long as it does.
 */
export const SERVICE_DEVICE_ID = 'social-service'

/**
 * What this service does in the name of one user. Everything but `createRoom` without an alias can be repeated: what
 * is done already counts as done. Each call throws a HomeserverError when it fails; `forbidden` also when the user is
 * not registered.
 */
export class HomeserverUser {
  readonly #userId: UserId
  readonly #ids: MatrixIds
  readonly #call: <T>(call: ServiceCall, schema: z.ZodType<T>) => Promise<T>

  /** @param call makes a call as this user */
  constructor(userId: UserId, ids: MatrixIds, call: <T>(call: ServiceCall, schema: z.ZodType<T>) => Promise<T>) {
    this.#userId = userId
    this.#ids = ids
    this.#call = call
  }

  async getDisplayName(): Promise<string | null> {
    const path = ['profile', this.#userId, 'displayname']
    const profile = await ifFailedAs('not_found', null, this.#get('getDisplayName', path, DISPLAY_NAME))
    return profile?.displayname ?? null
  }

  /** Also what makes the user appear in the user directory. */
  async setDisplayName(displayname: string): Promise<void> {
    await this.#put('setDisplayName', ['profile', this.#userId, 'displayname'], { displayname }, NOTHING)
  }

  /** A new room, or null when the alias is taken: then it is the room of that alias that is meant. */
  async createRoom({ preset, aliasName, isDirect, invite, state }: NewRoom): Promise<RoomId | null> {
    const body = {
      preset,
      room_alias_name: aliasName,
      is_direct: isDirect,
      invite: invite?.map(address => this.#ids.userId(address)),
      initial_state: state?.map(({ type, stateKey, content }) => ({ type, state_key: stateKey, content }))
    }
    const call = { operation: 'createRoom', method: 'POST', path: ['createRoom'], body } as const
    return ifFailedAs('conflict', null, this.#call(call, ROOM_ID))
  }

  /** `not_found`: there is no such room, or nobody is left in it to let anyone in. */
  async joinRoom(room: RoomId | RoomAlias): Promise<RoomId> {
    return this.#post('joinRoom', ['join', room], {}, ROOM_ID)
  }

  /** Invites somebody who is registered. That they are in the room already is as good. */
  async invite(roomId: RoomId, address: Address): Promise<void> {
    const invitee = this.#ids.userId(address)
    try {
      await this.#post('invite', ['rooms', roomId, 'invite'], { user_id: invitee }, NOTHING)
    } catch (error) {
      // The answer to an invite of a member differs from other refusals by its English text alone.
      if (!(error instanceof HomeserverError) || error.kind !== 'forbidden') throw error
      const member = MEMBER.safeParse(await this.getState(roomId, 'm.room.member', invitee))
      if (member.data?.membership !== 'join') throw error
    }
  }

  /** `not_found`: there is no such room. */
  async leave(roomId: RoomId): Promise<void> {
    await this.#post('leave', ['rooms', roomId, 'leave'], {}, NOTHING)
  }

  /**
   * Where everybody stands who ever had to do with the room, by user id: now, or when this user left it. `forbidden`:
   * this user never was in it; an invite is not enough.
   */
  async memberships(roomId: RoomId): Promise<ReadonlyMap<string, Membership>> {
    const { chunk } = await this.#get('memberships', ['rooms', roomId, 'members'], MEMBERS)
    return new Map(chunk.map(({ state_key, content }) => [state_key, content.membership]))
  }

  /** The user ids of those who are in the room or invited to it, under the conditions of {@link memberships}. */
  async members(roomId: RoomId): Promise<string[]> {
    const memberships = [...(await this.memberships(roomId))]
    return memberships.filter(([, it]) => it === 'join' || it === 'invite').map(([userId]) => userId)
  }

  /** The content of a state event, or null when there is none. */
  async getState(roomId: RoomId, type: string, stateKey: string): Promise<JsonObject | null> {
    const path = ['rooms', roomId, 'state', type, stateKey]
    return ifFailedAs('not_found', null, this.#get('getState', path, CONTENT))
  }

  /** Content equal to what this user set last makes no new event: it answers the id of that one. */
  async putState(roomId: RoomId, type: string, stateKey: string, content: JsonObject): Promise<EventId> {
    const path = ['rooms', roomId, 'state', type, stateKey]
    return this.#put('putState', path, content, EVENT_ID)
  }

  /**
   * Sends a message, once however often it is tried.
   * @param txnId different for each message of the whole service: the homeserver does not distinguish our users by it
   */
  async sendMessage(roomId: RoomId, txnId: string, content: JsonObject): Promise<EventId> {
    const call = {
      operation: 'sendMessage',
      method: 'PUT',
      path: ['rooms', roomId, 'send', 'm.room.message', txnId],
      query: { device_id: SERVICE_DEVICE_ID },
      body: content
    } as const
    try {
      return await this.#call(call, EVENT_ID)
    } catch (error) {
      if (!(error instanceof HomeserverError) || !error.errcode?.endsWith('M_UNKNOWN_DEVICE')) throw error
      await this.#put('createDevice', ['devices', SERVICE_DEVICE_ID], { display_name: 'Social service' }, NOTHING)
      return this.#call(call, EVENT_ID)
    }
  }

  /** What the user's clients keep on the homeserver under this type, or null when there is nothing. */
  async getAccountData(type: string): Promise<JsonObject | null> {
    return ifFailedAs('not_found', null, this.#get('getAccountData', this.#accountData(type), CONTENT))
  }

  async putAccountData(type: string, content: JsonObject): Promise<void> {
    await this.#put('putAccountData', this.#accountData(type), content, NOTHING)
  }

  #accountData(type: string): string[] {
    return ['user', this.#userId, 'account_data', type]
  }

  #get<T>(operation: string, path: readonly string[], schema: z.ZodType<T>): Promise<T> {
    return this.#call({ operation, method: 'GET', path }, schema)
  }

  #post<T>(operation: string, path: readonly string[], body: JsonObject, schema: z.ZodType<T>): Promise<T> {
    return this.#call({ operation, method: 'POST', path, body }, schema)
  }

  #put<T>(operation: string, path: readonly string[], body: JsonObject, schema: z.ZodType<T>): Promise<T> {
    return this.#call({ operation, method: 'PUT', path, body }, schema)
  }
}
