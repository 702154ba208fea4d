import { z } from 'zod'
import type { Address } from '../../domain/address.ts'
import { NOTHING, ROOM_ID, USER_ID } from './answers.ts'
import { HomeserverError, ifFailedAs } from './errors.ts'
import { HomeserverHttp, type HomeserverHttpOptions } from './http.ts'
import { MatrixIds, type RoomAlias, type RoomId, type UserId } from './ids.ts'
import { HomeserverUser, type ServiceCall } from './user.ts'

export interface HomeserverOptions extends HomeserverHttpOptions {
  readonly serverName: string
  /** The `as_token` of our registration. Without one, calls with a user's own token are all that works. */
  readonly asToken: string | null
}

/** A session on the homeserver. The token is for the server side only. */
export interface HomeserverSession {
  readonly userId: UserId
  readonly token: string
  readonly deviceId: string
}

/** Whose a token is. */
export interface TokenOwner {
  readonly userId: UserId
  /** Null for tokens without a device. */
  readonly deviceId: string | null
}

/** A token that nobody has: a homeserver says so. */
export const NO_TOKEN = 'social-service'
const SERVICE_LOGIN = 'm.login.application_service'
const SESSION = z.object({ user_id: USER_ID, access_token: z.string().min(1), device_id: z.string().min(1) })
const TOKEN_OWNER = z.object({ user_id: USER_ID, device_id: z.string().nullish() })

/**
 * The calls of this service to its homeserver, as an application service and with the tokens of users. Everything here
 * can be repeated: what is done already counts as done. Each call throws a {@link HomeserverError} when it fails.
 */
export class HomeserverClient {
  readonly ids: MatrixIds
  readonly #asToken: string | null
  readonly #http: HomeserverHttp

  constructor({ serverName, asToken, ...options }: HomeserverOptions) {
    this.ids = new MatrixIds(serverName)
    this.#asToken = asToken
    this.#http = new HomeserverHttp(options)
  }

  /** The calls that this service makes in the name of a user who is registered. */
  as(address: Address): HomeserverUser {
    const user_id = this.ids.userId(address)
    return new HomeserverUser(user_id, this.ids, (call, schema) =>
      this.#asService({ ...call, query: { ...call.query, user_id } }, schema)
    )
  }

  /**
   * Makes the account of an address. It is in the user directory once it was given a display name.
   * @returns whether there was none
   */
  async register(address: Address): Promise<boolean> {
    const body = { type: SERVICE_LOGIN, username: address, inhibit_login: true }
    const call = { operation: 'register', method: 'POST', path: ['register'], body } as const
    const registered = this.#asService(call, NOTHING).then(() => true)
    return ifFailedAs('conflict', false, registered)
  }

  /** Starts a session for a registered user, in place of the device's earlier one. `not_found`: not registered. */
  async loginAs(address: Address, deviceId: string): Promise<HomeserverSession> {
    const identifier = { type: 'm.id.user', user: address }
    const body = { type: SERVICE_LOGIN, identifier, device_id: deviceId }
    const session = await this.#asService({ operation: 'loginAs', method: 'POST', path: ['login'], body }, SESSION)
    return { userId: session.user_id, token: session.access_token, deviceId: session.device_id }
  }

  /** Whose token it is. `unauthorized`: nobody's (any more). */
  async whoami(token: string): Promise<TokenOwner> {
    const call = { operation: 'whoami', method: 'GET', path: ['account', 'whoami'], token, asService: false } as const
    const { user_id, device_id } = await this.#http.call(call, TOKEN_OWNER)
    return { userId: user_id, deviceId: device_id ?? null }
  }

  /**
   * Whether a user is reserved for an application service. Only a homeserver where everybody can register says so, and
   * answers it without a token: another one counts as if it had no reserved users.
   */
  async isReserved(localpart: string): Promise<boolean> {
    const path = ['register', 'available']
    const query = { username: localpart }
    const call = { operation: 'isReserved', method: 'GET', path, query, token: NO_TOKEN, asService: false } as const
    try {
      await this.#http.call(call, NOTHING)
      return false
    } catch (error) {
      if (error instanceof HomeserverError) return error.errcode === 'M_EXCLUSIVE'
      throw error
    }
  }

  /** Ends the session of a token, with its device. */
  logout(token: string): Promise<void> {
    return this.#end('logout', ['logout'], token)
  }

  /** Ends all sessions of whose token it is. */
  logoutAll(token: string): Promise<void> {
    return this.#end('logoutAll', ['logout', 'all'], token)
  }

  /** The room that has this alias, or null. */
  async resolveAlias(alias: RoomAlias): Promise<RoomId | null> {
    const call = { operation: 'resolveAlias', method: 'GET', path: ['directory', 'room', alias] } as const
    return ifFailedAs('not_found', null, this.#asService(call, ROOM_ID))
  }

  /** Takes an alias of our namespace away from its room. */
  async deleteAlias(alias: RoomAlias): Promise<void> {
    const call = { operation: 'deleteAlias', method: 'DELETE', path: ['directory', 'room', alias] } as const
    await ifFailedAs('not_found', null, this.#asService(call, NOTHING))
  }

  /** Ends the connections; calls under way fail. */
  async close(): Promise<void> {
    await this.#http.close()
  }

  async #end(operation: string, path: readonly string[], token: string): Promise<void> {
    const call = { operation, method: 'POST', path, body: {}, token, asService: false } as const
    await ifFailedAs('unauthorized', null, this.#http.call(call, NOTHING))
  }

  async #asService<T>(call: ServiceCall, schema: z.ZodType<T>): Promise<T> {
    if (this.#asToken === null) throw new HomeserverError({ kind: 'misconfigured', operation: call.operation })
    return this.#http.call({ ...call, token: this.#asToken, asService: true }, schema)
  }
}
