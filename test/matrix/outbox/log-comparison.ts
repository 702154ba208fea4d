import { isDeepStrictEqual } from 'node:util'
import { type Address, orderedPair } from '../../../src/domain/address.ts'
import type { PairEvent } from '../../../src/domain/events.ts'
import type { HomeserverClient } from '../../../src/matrix/client/client.ts'
import type { RoomId } from '../../../src/matrix/client/ids.ts'
import type { SynapseAccess } from '../../env/synapse.ts'

export type RoomOn = 'request' | 'accept'

/** A state event by which a friendship changed. */
interface FriendshipEvent {
  readonly sender: string
  readonly type: string
  readonly message?: string
}

/** The room of a pair on the homeserver, as it is or as it should be. */
interface PairRoom {
  readonly memberships: Readonly<Record<string, string>>
  /** The state events of the friendship, oldest first. */
  readonly friendship: readonly FriendshipEvent[]
  /** Each message with its sender, oldest first. */
  readonly messages: readonly string[]
  /** The last of the state events, which counts. */
  readonly state: Omit<FriendshipEvent, 'sender'> | null
}

interface TimelineEvent {
  readonly type: string
  readonly sender: string
  readonly state_key?: string
  readonly content: { readonly type?: string; readonly message?: string; readonly body?: string }
}

/** Compares a homeserver with the log of the service, in all that the log says. */
export class LogComparison {
  readonly #access: SynapseAccess
  readonly #homeserver: HomeserverClient
  readonly #roomOn: RoomOn

  constructor(access: SynapseAccess, homeserver: HomeserverClient, roomOn: RoomOn) {
    this.#access = access
    this.#homeserver = homeserver
    this.#roomOn = roomOn
  }

  /**
   * In what the homeserver is not as the log says, in words; empty when it is in step.
   * @param users those of whom the log is complete; all unless given
   */
  async differences(log: readonly PairEvent[], users?: readonly Address[]): Promise<string[]> {
    const differences: string[] = []
    const rooms = new Map<string, { readonly roomId: RoomId; readonly expected: PairRoom }>()
    const direct = new Map<Address, Record<string, RoomId[]>>()
    const compare = (what: string, actual: unknown, expected: unknown): void => {
      if (isDeepStrictEqual(actual, expected)) return
      differences.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
    }
    for (const [name, events] of byPair(log)) {
      const expected = this.#expected(events)
      const { actor, target } = events[0]!
      const roomId = await this.#homeserver.resolveAlias(this.#homeserver.ids.pairAlias(orderedPair(actor, target)))
      if (roomId === null || expected === null) {
        compare(`room of ${name}`, roomId, expected && 'one')
        continue
      }
      rooms.set(name, { roomId, expected })
      compare(`pair ${name}`, await this.#actual(roomId, expected), expected)
      for (const user of [actor, target]) {
        const friend = this.#homeserver.ids.userId(user === actor ? target : actor)
        const wereFriends = events.some(({ action }) => action === 'accept')
        direct.set(user, { ...direct.get(user), ...(wereFriends && { [friend]: [roomId] }) })
      }
    }
    for (const [user, entries] of direct) {
      if (users && !users.includes(user)) continue
      compare(`m.direct of ${user}`, (await this.#homeserver.as(user).getAccountData('m.direct')) ?? {}, entries)
      const userId = this.#homeserver.ids.userId(user)
      const own = [...rooms.values()].filter(({ expected }) => expected.memberships[userId] === 'join')
      compare(`rooms of ${user}`, await this.#joined(user), own.map(({ roomId }) => roomId).toSorted())
    }
    return differences
  }

  /** Null when there should be no room. */
  #expected(events: readonly PairEvent[]): PairRoom | null {
    const memberships: Record<string, string> = {}
    const friendship: FriendshipEvent[] = []
    const messages: string[] = []
    for (const { actor, target, action, previous, previousActor, message } of events) {
      const [sender, other] = [this.#homeserver.ids.userId(actor), this.#homeserver.ids.userId(target)]
      const makesRoom = action === 'accept' || (action === 'request' && this.#roomOn === 'request')
      if (!makesRoom && Object.keys(memberships).length === 0) continue
      const endOfRequest = previousActor === actor ? 'cancel' : 'reject'
      const ended = { requested: endOfRequest, accepted: 'delete' }[previous as string]
      if (action === 'unblock' || (action === 'block' && ended === undefined)) continue
      memberships[sender] = 'join'
      if (action === 'accept') memberships[other] = 'join'
      else memberships[other] ??= 'invite'
      const type = (action === 'block' && ended) || action
      friendship.push({ sender, type, ...(message !== null && { message }) })
      if (message && this.#roomOn === 'request') messages.push(`${sender} ${message}`)
    }
    const last = friendship.at(-1)
    if (!last) return null
    const { sender: _, ...state } = last
    return { memberships: sorted(memberships), friendship, messages, state }
  }

  async #actual(roomId: RoomId, { memberships }: PairRoom): Promise<PairRoom> {
    const inside = this.#homeserver.ids.addressOf(Object.keys(memberships).find(id => memberships[id] === 'join'))
    if (!inside) throw new Error('Nobody should be in the room')
    const timeline = await this.#timeline(inside, roomId)
    const events = timeline.filter(({ type, state_key }) => type === 'org.decentraland.friendship' && state_key === '')
    const messages = timeline.filter(({ type }) => type === 'm.room.message')
    return {
      memberships: sorted(Object.fromEntries(await this.#homeserver.as(inside).memberships(roomId))),
      friendship: events.map(({ sender, content: { type = '', message } }) => ({
        sender,
        type,
        ...(message !== undefined && { message })
      })),
      messages: messages.map(({ sender, content }) => `${sender} ${content.body}`),
      state: (await this.#homeserver
        .as(inside)
        .getState(roomId, 'org.decentraland.friendship', '')) as PairRoom['state']
    }
  }

  async #timeline(user: Address, roomId: RoomId): Promise<readonly TimelineEvent[]> {
    const path = `rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=1000`
    return (await this.#get<{ chunk: TimelineEvent[] }>(user, path)).chunk
  }

  async #joined(user: Address): Promise<string[]> {
    return (await this.#get<{ joined_rooms: string[] }>(user, 'joined_rooms?')).joined_rooms.toSorted()
  }

  async #get<T>(user: Address, path: string): Promise<T> {
    const userId = encodeURIComponent(this.#homeserver.ids.userId(user))
    const headers = { authorization: `Bearer ${this.#access.asToken}` }
    const url = `${this.#access.url}/_matrix/client/v3/${path}&user_id=${userId}`
    return (await fetch(url, { headers })).json() as Promise<T>
  }
}

function byPair(log: readonly PairEvent[]): Map<string, PairEvent[]> {
  const pairs = new Map<string, PairEvent[]>()
  for (const event of log.toSorted((a, b) => a.seq - b.seq)) {
    const { lo, hi } = orderedPair(event.actor, event.target)
    pairs.set(`${lo} ${hi}`, [...(pairs.get(`${lo} ${hi}`) ?? []), event])
  }
  return pairs
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
