import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { OrderedPair } from '../../../domain/address.ts'
import { poll } from '../../../lib/poll.ts'
import { EVENT_ID, ROOM_ID } from '../../client/answers.ts'
import { HomeserverError, ifFailedAs } from '../../client/errors.ts'
import type { HomeserverHttp, JsonObject } from '../../client/http.ts'
import type { EventId, MatrixIds, RoomId } from '../../client/ids.ts'

/** What a room is for the rules. It never becomes another kind while all that happens to it comes through here. */
export type RoomKind =
  | { readonly kind: 'pair'; readonly pair: OrderedPair }
  | { readonly kind: 'channel' }
  | { readonly kind: 'private' }

/** Kinds held in memory. */
const CACHE_SIZE = 100_000
/** Somebody with more rights than our clients could change a room, in milliseconds. */
const CACHE_MS = 10 * 60_000
/** How long the homeserver may need until its summary of a new room is complete. */
const SUMMARY_WAIT = { withinMs: 3_000, backoff: { firstMs: 50, maxMs: 50 } }

const SUMMARY = z.object({ canonical_alias: z.string().nullish(), join_rule: z.string().nullish() })
/** How a room is answered that there is not, or not for this user; 400 when its id cannot be one. */
const HIDDEN: ReadonlySet<number | null> = new Set([400, 403, 404])
const JOINED = z.object({ joined_rooms: z.array(z.templateLiteral(['!', z.string()])) })
const STATE_EVENT = z.looseObject({
  event_id: z.templateLiteral(['$', z.string()]),
  sender: z.string(),
  content: z.record(z.string(), z.unknown())
})

export interface StateEvent {
  readonly event_id: EventId
  readonly sender: string
  readonly content: JsonObject
}

/** What a user sees of rooms, read with that user's own token of the homeserver. */
export class Rooms {
  readonly #http: HomeserverHttp
  readonly #ids: MatrixIds
  readonly #kinds = new LRUCache<string, RoomKind>({ max: CACHE_SIZE, ttl: CACHE_MS })

  constructor(http: HomeserverHttp, ids: MatrixIds) {
    this.#http = http
    this.#ids = ids
  }

  /** The kind of a room; null when the user neither is in it nor is let in. @throws HomeserverError */
  async kindOf(roomId: string, token: string): Promise<RoomKind | null> {
    const known = this.#kinds.get(roomId)
    if (known) return known
    const summary = await poll(async () => {
      const summary = await this.#summary(roomId, token)
      // The homeserver writes its summary after the room: without a join rule it is not there yet.
      return summary === null || summary.join_rule ? summary : undefined
    }, SUMMARY_WAIT)
    if (summary === undefined) throw new HomeserverError({ kind: 'unavailable', operation: 'roomSummary' })
    return summary && this.#remember(roomId, this.#kindBy(summary))
  }

  /** Remembers the kind of a room that was just created. */
  rememberPair(roomId: RoomId, pair: OrderedPair): void {
    this.#remember(roomId, { kind: 'pair', pair })
  }

  /** The room that has an alias, or null. @throws HomeserverError */
  async resolve(alias: string, token: string): Promise<RoomId | null> {
    const path = ['directory', 'room', alias]
    const call = { operation: 'resolveAlias', method: 'GET', path, token, asService: false } as const
    return ifFailedAs('not_found', null, this.#http.call(call, ROOM_ID))
  }

  /** The rooms that the user is in. @throws HomeserverError */
  async joined(token: string): Promise<RoomId[]> {
    const path = ['joined_rooms']
    const call = { operation: 'joinedRooms', method: 'GET', path, token, asService: false } as const
    return (await this.#http.call(call, JOINED)).joined_rooms
  }

  /** A state event of a room that the user is in; null when there is none. @throws HomeserverError */
  async state(roomId: string, type: string, stateKey: string, token: string): Promise<StateEvent | null> {
    const path = ['rooms', roomId, 'state', type, stateKey]
    const query = { format: 'event' }
    const call = { operation: 'getState', method: 'GET', path, query, token, asService: false } as const
    return ifFailedAs('not_found', null, this.#http.call(call, STATE_EVENT))
  }

  /** Sets a state event as the user. @throws HomeserverError */
  async putState(roomId: string, type: string, stateKey: string, content: JsonObject, token: string): Promise<EventId> {
    const path = ['rooms', roomId, 'state', type, stateKey]
    const call = { operation: 'putState', method: 'PUT', path, body: content, token, asService: false } as const
    return this.#http.call(call, EVENT_ID)
  }

  /** The one view of a room that those who are only invited have too. */
  async #summary(roomId: string, token: string): Promise<z.infer<typeof SUMMARY> | null> {
    const call = {
      operation: 'roomSummary',
      method: 'GET',
      version: 'v1',
      path: ['room_summary', roomId],
      // Where to look for a room that is not here: nowhere else.
      query: { via: this.#ids.serverName },
      token,
      asService: false
    } as const
    try {
      return await this.#http.call(call, SUMMARY)
    } catch (error) {
      if (error instanceof HomeserverError && HIDDEN.has(error.status)) return null
      throw error
    }
  }

  #kindBy({ canonical_alias, join_rule }: z.infer<typeof SUMMARY>): RoomKind {
    const pair = this.#ids.pairOf(canonical_alias)
    if (pair) return { kind: 'pair', pair }
    return { kind: join_rule === 'public' ? 'channel' : 'private' }
  }

  #remember(roomId: string, kind: RoomKind): RoomKind {
    this.#kinds.set(roomId, kind)
    return kind
  }
}
