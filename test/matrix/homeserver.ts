import { randomBytes } from 'node:crypto'
import { type Address, orderedPair, parseAddress } from '../../src/domain/address.ts'
import { HomeserverClient } from '../../src/matrix/client/client.ts'
import type { RoomAlias, RoomId } from '../../src/matrix/client/ids.ts'
import type { NewRoom } from '../../src/matrix/client/user.ts'
import { paced } from '../env/pace.ts'
import { adminToken, type SynapseAccess } from '../env/synapse.ts'

export const newAddress = (): Address => parseAddress(`0x${randomBytes(20).toString('hex')}`) as Address

/** Two users who share a room: alice made it, bob is invited. */
interface SharedRoom {
  readonly alice: Address
  readonly bob: Address
  readonly roomId: RoomId
  readonly alias: RoomAlias
  /** As alice created it. */
  readonly room: NewRoom
}

/** A homeserver as this service sees it, with ways around the client. */
export class Homeserver {
  readonly client: HomeserverClient
  readonly #access: SynapseAccess

  constructor(access: SynapseAccess) {
    this.#access = access
    this.client = this.clientWith(access.asToken)
  }

  /** Another client, which the caller closes. */
  clientWith(asToken: string | null): HomeserverClient {
    return new HomeserverClient({ ...this.#access, asToken, timeoutMs: paced(20_000), connections: 8 })
  }

  async newUser(): Promise<Address> {
    const address = newAddress()
    await this.client.register(address)
    return address
  }

  async newSharedRoom(): Promise<SharedRoom> {
    const { client } = this
    const [alice, bob] = await Promise.all([this.newUser(), this.newUser()])
    const pair = orderedPair(alice, bob)
    const aliasName = client.ids.pairAliasName(pair)
    const room = { preset: 'trusted_private_chat', aliasName, isDirect: true, invite: [bob] } as const
    const roomId = await client.as(alice).createRoom(room)
    if (roomId === null) throw new Error('Two new users have a room already')
    return { alice, bob, alias: client.ids.pairAlias(pair), room, roomId }
  }

  /** The ids of those in the directory whom somebody finds by an address. */
  async found(address: Address, by: Address): Promise<string[]> {
    const path = `/_matrix/client/v3/user_directory/search?user_id=${encodeURIComponent(this.client.ids.userId(by))}`
    const search = { search_term: address }
    type Found = { results: { user_id: string }[] }
    const { results } = await this.fetchJson<Found>('POST', path, this.#access.asToken, search)
    return results.map(({ user_id }) => user_id)
  }

  async fetchJson<T>(method: string, path: string, token: string, body?: object): Promise<T> {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(this.#access.url + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) })
    })
    return (await response.json()) as T
  }

  /** Changes an account as only an administrator can. */
  async changeAccount(user: Address, changes: object): Promise<void> {
    const path = `/_synapse/admin/v2/users/${encodeURIComponent(this.client.ids.userId(user))}`
    await this.fetchJson('PUT', path, await adminToken(this.#access), changes)
  }
}
