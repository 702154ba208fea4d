import type { Address } from '../../domain/address.ts'
import { poll } from '../../lib/poll.ts'
import type { AccountDataLeases } from '../../storage/matrix-accounts.ts'
import type { HomeserverClient } from '../client/client.ts'
import { HomeserverError } from '../client/errors.ts'
import type { JsonObject } from '../client/http.ts'
import type { RoomId } from '../client/ids.ts'

/** Longest wait for account data that another worker has leased. */
const WAIT = { withinMs: 10_000, backoff: { firstMs: 40, maxMs: 40 } }

/**
 * `m.direct`, by which a user's clients know which room is the conversation with whom. Clients and we write it as a
 * whole, so that of two who read the same and write, the first is lost: among the instances, one at a time does it.
 */
export class DirectRooms {
  readonly #homeserver: Pick<HomeserverClient, 'as' | 'ids'>
  readonly #leases: AccountDataLeases
  readonly #leaseMs: number

  /** @param leaseMs of the account data of a user, in milliseconds: longer than the two calls that it is for */
  constructor(homeserver: Pick<HomeserverClient, 'as' | 'ids'>, leases: AccountDataLeases, leaseMs: number) {
    this.#homeserver = homeserver
    this.#leases = leases
    this.#leaseMs = leaseMs
  }

  /** Makes a room the first of the owner's rooms with a friend, unless it is one of them. @throws HomeserverError */
  async add(owner: Address, friend: Address, roomId: RoomId): Promise<void> {
    const lease = await this.#lease(owner)
    let mayStillBeWritten = false
    try {
      const direct = await this.#withRoom(owner, friend, roomId)
      if (direct === null) return
      await this.#homeserver
        .as(owner)
        .putAccountData('m.direct', direct)
        .catch(error => {
          mayStillBeWritten = error instanceof HomeserverError && error.unanswered
          throw error
        })
    } finally {
      // What is written late would undo what others wrote by then: they wait until the lease is over.
      if (!mayStillBeWritten) await this.#leases.release(owner, lease)
    }
  }

  /** What is to be written; null when the room is there already. */
  async #withRoom(owner: Address, friend: Address, roomId: RoomId): Promise<JsonObject | null> {
    const friendId = this.#homeserver.ids.userId(friend)
    const direct = (await this.#homeserver.as(owner).getAccountData('m.direct')) ?? {}
    const present = direct[friendId]
    const rooms = Array.isArray(present) ? present : []
    return rooms.includes(roomId) ? null : { ...direct, [friendId]: [roomId, ...rooms] }
  }

  async #lease(owner: Address): Promise<number> {
    const lease = await poll(async () => (await this.#leases.acquire(owner, this.#leaseMs)) ?? undefined, WAIT)
    if (lease === undefined) throw new HomeserverError({ kind: 'conflict', operation: 'addDirectRoom' })
    return lease
  }
}
