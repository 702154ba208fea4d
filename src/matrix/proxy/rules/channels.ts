import { LRUCache } from 'lru-cache'
import type { RateLimit } from '../../../cluster/rate-limit.ts'
import type { Address } from '../../../domain/address.ts'
import { SocialError } from '../../../domain/errors.ts'
import { chunksOf } from '../../../lib/chunks.ts'
import { KeyedMutex } from '../../../lib/keyed-mutex.ts'
import type { MatrixIds, RoomId } from '../../client/ids.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { Rooms } from './rooms.ts'
import type { RuleCall } from './rule.ts'

export interface ChannelLimits {
  /** Channels that one user created and is in. */
  readonly created: number
  /** Channels that one user is in. */
  readonly joined: number
}

interface ChannelsDeps {
  readonly rooms: Rooms
  readonly ids: MatrixIds
  /** How often a user makes one. */
  readonly creations: RateLimit
}

/** Rooms that are looked at concurrently. */
const MAX_CONCURRENT = 8
const CREATORS_CACHE_SIZE = 100_000

/** How many channels users create and are in. The rooms of pairs do not count. */
export class Channels {
  readonly #deps: ChannelsDeps
  readonly #limits: ChannelLimits
  readonly #creators = new LRUCache<RoomId, string>({ max: CREATORS_CACHE_SIZE })
  readonly #mutex = new KeyedMutex()

  constructor(deps: ChannelsDeps, limits: ChannelLimits) {
    this.#deps = deps
    this.#limits = limits
  }

  /**
   * Makes sure that the actor may create a channel. Until the returned function is called, the actor's other channels wait.
   * @throws MatrixError `M_RESOURCE_LIMIT_EXCEEDED`
   */
  checkCreate(call: RuleCall): Promise<() => void> {
    return this.#exclusively(call.actor, async () => {
      const channels = await this.#joined(call)
      if (channels.length >= this.#limits.joined) throw maxReached()
      const own = await this.#createdBy(call, channels)
      if (own >= this.#limits.created) throw maxReached()
      // Leaving one makes place for the next, but not without end.
      await this.#deps.creations.take(call.actor).catch(error => {
        throw error instanceof SocialError && error.code === 'too_many_requests' ? maxReached() : error
      })
    })
  }

  /** As {@link checkCreate}, for joining one; one that the actor is in can be joined again. */
  checkJoin(call: RuleCall, roomId: string): Promise<() => void> {
    return this.#exclusively(call.actor, async () => {
      const channels = await this.#joined(call)
      if (!channels.some(id => id === roomId) && channels.length >= this.#limits.joined) throw maxReached()
    })
  }

  async #exclusively(actor: Address, check: () => Promise<void>): Promise<() => void> {
    const release = await this.#mutex.acquire(actor)
    try {
      await check()
      return release
    } catch (error) {
      release()
      throw error
    }
  }

  async #joined({ token }: RuleCall): Promise<RoomId[]> {
    const rooms = await this.#deps.rooms.joined(token)
    const kinds = await mapConcurrently(rooms, roomId => this.#deps.rooms.kindOf(roomId, token))
    return rooms.filter((_, index) => kinds[index]?.kind === 'channel')
  }

  async #createdBy({ actor, token }: RuleCall, channels: readonly RoomId[]): Promise<number> {
    const creators = await mapConcurrently(channels, roomId => this.#creatorOf(roomId, token))
    return creators.filter(creator => creator === this.#deps.ids.userId(actor)).length
  }

  async #creatorOf(roomId: RoomId, token: string): Promise<string | null> {
    const known = this.#creators.get(roomId)
    if (known !== undefined) return known
    const creation = await this.#deps.rooms.state(roomId, 'm.room.create', '', token)
    if (creation) this.#creators.set(roomId, creation.sender)
    return creation?.sender ?? null
  }
}

async function mapConcurrently<T, U>(items: readonly T[], map: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = []
  for (const some of chunksOf(items, MAX_CONCURRENT)) results.push(...(await Promise.all(some.map(map))))
  return results
}

function maxReached(): MatrixError {
  return new MatrixError(400, 'M_RESOURCE_LIMIT_EXCEEDED', 'Max reached')
}
