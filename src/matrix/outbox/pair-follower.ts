import type { Address } from '../../domain/address.ts'
import type { PairEvent } from '../../domain/events.ts'
import { FRIENDSHIP_TYPE, friendshipContent } from '../../friendships/state-event.ts'
import type { Accounts } from '../client/accounts.ts'
import type { HomeserverClient } from '../client/client.ts'
import { HomeserverError, ifFailedAs } from '../client/errors.ts'
import type { JsonObject } from '../client/http.ts'
import type { RoomId } from '../client/ids.ts'
import type { PairRooms } from '../rooms/pair-rooms.ts'
import type { DirectRooms } from './direct-rooms.ts'

interface PairFollowerDeps {
  readonly homeserver: Pick<HomeserverClient, 'as'>
  readonly accounts: Accounts
  readonly rooms: PairRooms
  readonly directRooms: DirectRooms
  /** What creates the room of a pair. */
  readonly roomOn: 'request' | 'accept'
}

/**
 * Makes the homeserver follow what happened to pairs. An event can be followed again, whatever became of the last try;
 * those of a pair are followed in their order, one after the other has succeeded.
 */
export class PairFollower {
  readonly #deps: PairFollowerDeps

  constructor(deps: PairFollowerDeps) {
    this.#deps = deps
  }

  /** @throws HomeserverError */
  async follow(event: PairEvent): Promise<void> {
    const content = friendshipContent(event)
    if (content === null) return
    try {
      if (event.action === 'accept') await this.#followAcceptance(event, content)
      else if (event.action === 'request' && this.#deps.roomOn === 'request') await this.#followRequest(event, content)
      else await this.#putIfRoomExists(event, content)
    } catch (error) {
      // Perhaps because there are no such users (any more).
      if (error instanceof HomeserverError && error.kind === 'forbidden') await this.#forgetAccounts(event)
      throw error
    }
  }

  async #followRequest({ actor, target, message, seq }: PairEvent, content: JsonObject): Promise<void> {
    const { homeserver, rooms } = this.#deps
    const state = [{ type: FRIENDSHIP_TYPE, stateKey: '', content }]
    const { roomId, isNew } = await rooms.open(actor, target, state)
    if (!isNew) await this.#putState(roomId, actor, content)
    if (!message) return
    await homeserver.as(actor).sendMessage(roomId, `friendship-${seq}`, { msgtype: 'm.text', body: message })
  }

  async #followAcceptance({ actor, target }: PairEvent, content: JsonObject): Promise<void> {
    const { rooms, directRooms } = this.#deps
    const roomId = await rooms.ensureBothJoined(actor, target)
    await allSettled([
      this.#putState(roomId, actor, content),
      directRooms.add(actor, target, roomId),
      directRooms.add(target, actor, roomId)
    ])
  }

  /** Where there is a room, the event is seen in it. Who left it by hand says nothing there any more. */
  async #putIfRoomExists({ actor, target }: PairEvent, content: JsonObject): Promise<void> {
    const { rooms } = this.#deps
    const roomId = await rooms.find(actor, target)
    if (roomId === null) return
    const put = (): Promise<unknown> => this.#putState(roomId, actor, content)
    const isInRoom = await ifFailedAs(
      'forbidden',
      false,
      put().then(() => true)
    )
    if (!isInRoom && (await rooms.acceptInvite(roomId, actor))) await put()
  }

  #putState(roomId: RoomId, actor: Address, content: JsonObject): Promise<unknown> {
    return this.#deps.homeserver.as(actor).putState(roomId, FRIENDSHIP_TYPE, '', content)
  }

  async #forgetAccounts({ actor, target }: PairEvent): Promise<void> {
    const { accounts } = this.#deps
    await Promise.all([accounts.forget(actor), accounts.forget(target)])
  }
}

/** As Promise.all, but also a failure waits for everything to end: no call goes on behind the back of the next try. */
async function allSettled(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}
