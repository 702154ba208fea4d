import { setTimeout as wait } from 'node:timers/promises'
import type { Address, OrderedPair } from '../../domain/address.ts'
import type { Accounts } from '../client/accounts.ts'
import { ifFailedAs } from '../client/errors.ts'
import type { RoomId } from '../client/ids.ts'
import { PairRooms, type RoomCalls } from './pair-rooms.ts'

/** How long a room may be in the making before its creation counts as failed, in milliseconds. */
const PATIENCE_MS = 10_000
const STEP_MS = 50

/** Opens the rooms of pairs for somebody who waits for it, also while others are about to open them. */
export class PairRoomCreator {
  readonly #patient: PairRooms
  readonly #impatient: PairRooms

  constructor(homeserver: RoomCalls, accounts: Accounts) {
    this.#patient = new PairRooms(homeserver, accounts)
    this.#impatient = new PairRooms(homeserver, accounts, false)
  }

  /** As {@link PairRooms.ensure}. @throws HomeserverError */
  async ensure(pair: OrderedPair, actor: Address): Promise<RoomId> {
    const deadline = performance.now() + PATIENCE_MS
    while (performance.now() < deadline) {
      const roomId = await ifFailedAs('conflict', null, this.#patient.ensure(pair, actor))
      if (roomId !== null) return roomId
      await wait(STEP_MS * (1 + Math.random()))
    }
    return this.#impatient.ensure(pair, actor)
  }
}
