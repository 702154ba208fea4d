import type { Address } from '../../../domain/address.ts'
import type { RelationCache, Relations } from '../../../friendships/relations.ts'
import type { JsonObject } from '../../client/http.ts'
import type { MatrixIds, UserId } from '../../client/ids.ts'
import type { JsonFilter } from '../json-filter.ts'
import type { Visit } from '../json-scanner.ts'
import { isState, type RoomEvent, withoutTexts, withoutWords } from './blocked-events.ts'
import type { Rooms } from './rooms.ts'
import { FORWARD, forbidden, type Rule, type RuleCall, type RuleResult } from './rule.ts'

interface ReadingDeps {
  readonly ids: MatrixIds
  readonly rooms: Rooms
  readonly relations: RelationCache
}

/** Who may have written an event, wherever in it that is said. */
const SENDERS = /"sender"\s*:\s*"([^"]*)"/g
/** What of a room in a sync holds nothing that others write as they like. */
const WITHOUT_EVENTS: ReadonlySet<string | undefined> = new Set(['ephemeral', 'account_data'])
const LISTS_OF_EVENTS: ReadonlySet<string | undefined> = new Set(['chunk', 'state', 'events_before', 'events_after'])

/**
 * What a user is shown of others: the presence of friends, and in the room of two nothing that the other writes while
 * the user blocks them. Their name and picture belong to it, which the homeserver brings into every room.
 */
export class ReadingRules {
  readonly #deps: ReadingDeps

  constructor(deps: ReadingDeps) {
    this.#deps = deps
  }

  /** `/sync`. */
  readonly sync: Rule = call => ({ kind: 'forward', responseFilter: () => this.#syncFilter(call) })

  /** `/presence/{userId}/status`. */
  readonly presence: Rule = async ({ actor, params }) => {
    const { ids, relations } = this.#deps
    const { friends } = await relations.of(actor)
    if (!isShown(ids.addressOf(params.userId), actor, friends))
      throw forbidden('Only friends see each other’s presence')
    return FORWARD
  }

  /** Calls that list what is in a room. */
  readonly events: Rule = call =>
    this.#ofBlocked(call, other => ({
      last: null,
      visit: ([first, second, third]) => {
        if (first === undefined) return 'enter'
        if (first === 'joined') return second === undefined ? 'enter' : visitIf(second === other && third === undefined)
        return visitIf(second === undefined && (first === 'event' || LISTS_OF_EVENTS.has(first)))
      },
      replace: (text, [first]) => (first === 'joined' ? toBuffer({}) : wordless(text, other))
    }))

  /** `/state`, one event of it, and `/event/{eventId}`. */
  readonly event: Rule = call =>
    this.#ofBlocked(call, other => {
      const { eventType, stateKey } = call.params
      const isContent = eventType !== undefined && call.query.get('format') !== 'event'
      return {
        last: null,
        visit: ([first]) => visitIf(first === undefined),
        replace: text => {
          if (!isContent) return wordless(text, other)
          const isTheirs = eventType === 'm.room.member' && stateKey === other
          return isTheirs ? toBuffer(withoutTexts(JSON.parse(text.toString()))) : text
        }
      }
    })

  /** A rule for the room of two users of whom the actor blocks the other; all else passes. */
  async #ofBlocked(call: RuleCall, filter: (other: UserId) => JsonFilter): Promise<RuleResult> {
    const { rooms, relations, ids } = this.#deps
    const { blocked } = await relations.of(call.actor)
    if (blocked.size === 0) return FORWARD
    const room = await rooms.kindOf(call.params.roomId ?? '', call.token)
    if (room?.kind !== 'pair') return FORWARD
    const other = [room.pair.lo, room.pair.hi].find(address => blocked.has(address))
    return other === undefined ? FORWARD : { kind: 'forward', responseFilter: () => filter(ids.userId(other)) }
  }

  async #syncFilter(call: RuleCall): Promise<JsonFilter> {
    const { ids, relations } = this.#deps
    const { friends, blocked } = await relations.of(call.actor)
    const seesRooms = blocked.size === 0
    return {
      last: seesRooms ? 'presence' : null,
      visit: path => visitSync(path, seesRooms),
      replace: (text, [first, , roomId = '']) => {
        if (first !== 'presence') return this.#roomEvent(call, text, { roomId, blocked })
        const { sender } = JSON.parse(text.toString()) as RoomEvent
        return isShown(ids.addressOf(sender), call.actor, friends) ? text : null
      }
    }
  }

  /** An event of a sync. What was said before the block can still be read in the room; a sync brings what is new. */
  #roomEvent(call: RuleCall, text: Buffer, { roomId, blocked }: InRoom): Buffer | Promise<Buffer | null> {
    if (!this.#namesSender(text, blocked)) return text
    const event = JSON.parse(text.toString()) as RoomEvent
    const sender = this.#deps.ids.addressOf(event.sender)
    if (sender === null || !blocked.has(sender)) return text
    return this.#isOfPair(call, roomId, sender).then(isOfPair => {
      if (!isOfPair) return text
      return isState(event) ? toBuffer(withoutWords(event)) : null
    })
  }

  /** Whether one of these users can be the sender: to take every event of a large sync apart would cost much more. */
  #namesSender(text: Buffer, users: ReadonlySet<Address>): boolean {
    for (const [, sender] of text.toString('latin1').matchAll(SENDERS)) {
      const address = this.#deps.ids.addressOf(sender)
      if (address !== null && users.has(address)) return true
    }
    return false
  }

  async #isOfPair({ token }: RuleCall, roomId: string, user: Address): Promise<boolean> {
    // What cannot be found out is shown as little.
    const room = await this.#deps.rooms.kindOf(roomId, token).catch(() => null)
    return room === null || (room.kind === 'pair' && (room.pair.lo === user || room.pair.hi === user))
  }
}

interface InRoom {
  readonly roomId: string
  readonly blocked: Relations['blocked']
}

function isShown(user: Address | null, actor: Address, friends: ReadonlySet<Address>): boolean {
  return user !== null && (user === actor || friends.has(user))
}

function visitIf(isFiltered: boolean): Visit {
  return isFiltered ? 'filter' : 'pass'
}

function visitSync([first, second, third, fourth, fifth]: readonly string[], seesRooms: boolean): Visit {
  if (first === undefined || (first === 'presence' && second === undefined)) return 'enter'
  if (first === 'presence') return visitIf(second === 'events')
  if (first !== 'rooms' || seesRooms) return 'pass'
  if (fifth !== undefined) return visitIf(fifth === 'events')
  return third !== undefined && WITHOUT_EVENTS.has(fourth) ? 'pass' : 'enter'
}

/** An event, without the words of this user. */
function wordless(text: Buffer, user: UserId): Buffer {
  const event = JSON.parse(text.toString()) as RoomEvent
  return event.sender === user || event['state_key'] === user ? toBuffer(withoutWords(event)) : text
}

function toBuffer(value: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(value))
}
