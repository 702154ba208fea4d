import type { Address, OrderedPair } from '../../domain/address.ts'
import { poll } from '../../lib/poll.ts'
import type { Accounts } from '../client/accounts.ts'
import { ifFailedAs } from '../client/errors.ts'
import type { RoomId } from '../client/ids.ts'
import { PairRooms, type RoomCalls } from './pair-rooms.ts'

/** How long a room may be in the making before its creation counts as failed. */
const WAIT = { withinMs: 10_000, backoff: { firstMs: 100, maxMs: 100 } }

/** Creates the rooms of pairs for somebody who waits for it, also while others are about to create them. */
export class PairRoomCreator {
  readonly #waiting: PairRooms
  readonly #repairing: PairRooms

  constructor(homeserver: RoomCalls, accounts: Accounts) {
    this.#waiting = new PairRooms(homeserver, accounts, { waitForCreation: true })
    this.#repairing = new PairRooms(homeserver, accounts, { waitForCreation: false })
  }

  /** As {@link PairRooms.ensure}. @throws HomeserverError */
  async ensure(pair: OrderedPair, actor: Address): Promise<RoomId> {
    const roomId = await poll(() => ifFailedAs('conflict', undefined, this.#waiting.ensure(pair, actor)), WAIT)
    return roomId ?? this.#repairing.ensure(pair, actor)
  }
}
