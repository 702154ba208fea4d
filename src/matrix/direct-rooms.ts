import { setTimeout as wait } from 'node:timers/promises'
import type { Address } from '../domain/address.ts'
import type { UserHolds } from '../storage/user-holds.ts'
import type { HomeserverClient } from './client.ts'
import { HomeserverError } from './errors.ts'
import type { RoomId } from './ids.ts'

/** Longest wait for a user whom somebody else has, in milliseconds. */
const WAIT_MS = 10_000
/** Between two tries to have a user whom somebody else has, in milliseconds. */
const STEP_MS = 20

/** The homeserver did not say what became of a write. */
class UnansweredWrite extends Error {}

/**
 * `m.direct`, by which a user's clients know which room is the conversation with whom. Clients and we write it as a
 * whole, so that of two who read the same and write, the first is lost: among the instances, one at a time does it.
 */
export class DirectRooms {
  readonly #homeserver: Pick<HomeserverClient, 'as' | 'ids'>
  readonly #holds: UserHolds
  readonly #holdMs: number

  /** @param holdMs how long one may have a user at most, in milliseconds: longer than the two calls that it is for */
  constructor(homeserver: Pick<HomeserverClient, 'as' | 'ids'>, holds: UserHolds, holdMs: number) {
    this.#homeserver = homeserver
    this.#holds = holds
    this.#holdMs = holdMs
  }

  /** Makes a room the first of the owner's rooms with a friend, unless it is one of them. @throws HomeserverError */
  async add(owner: Address, friend: Address, roomId: RoomId): Promise<void> {
    const hold = await this.#take(owner)
    try {
      await this.#add(owner, friend, roomId)
    } catch (error) {
      // It may still come to be written, over what others had written by then: they wait until the hold is over.
      if (!(error instanceof UnansweredWrite)) await this.#holds.end(owner, hold)
      throw error instanceof UnansweredWrite ? error.cause : error
    }
    await this.#holds.end(owner, hold)
  }

  async #add(owner: Address, friend: Address, roomId: RoomId): Promise<void> {
    const friendId = this.#homeserver.ids.userId(friend)
    const direct = (await this.#homeserver.as(owner).getAccountData('m.direct')) ?? {}
    const present = direct[friendId]
    const rooms = Array.isArray(present) ? present : []
    if (rooms.includes(roomId)) return
    const written = this.#homeserver.as(owner).putAccountData('m.direct', { ...direct, [friendId]: [roomId, ...rooms] })
    await written.catch(error => {
      const isUnanswered = error instanceof HomeserverError && error.kind === 'unavailable' && error.errcode === null
      throw isUnanswered ? new UnansweredWrite('m.direct', { cause: error }) : error
    })
  }

  async #take(owner: Address): Promise<number> {
    const deadline = performance.now() + WAIT_MS
    for (;;) {
      const hold = await this.#holds.take(owner, this.#holdMs)
      if (hold !== null) return hold
      if (performance.now() > deadline) throw new HomeserverError({ kind: 'conflict', operation: 'addDirectRoom' })
      await wait(STEP_MS * (1 + Math.random()))
    }
  }
}
