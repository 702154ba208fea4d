import { LRUCache } from 'lru-cache'
import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import type { SocialEvent } from '../domain/events.ts'
import { SingleFlight } from '../lib/single-flight.ts'
import type { BlockLists } from '../storage/blocks.ts'
import type { FriendLists } from '../storage/friend-lists.ts'

/** Where a user stands with others, as far as it decides what the user is shown of them. */
export interface Relations {
  readonly friends: ReadonlySet<Address>
  /** Whom the user blocks. */
  readonly blocked: ReadonlySet<Address>
}

interface CachedRelations extends Relations {
  /** Ends that changes of the user are brought here. */
  readonly unfollow: () => void
}

interface RelationsDeps {
  readonly lists: Pick<FriendLists, 'friends'>
  readonly blocks: Pick<BlockLists, 'blocked'>
  readonly bus: Bus
  readonly maxFriends: number
}

/** Addresses held in memory, in all: some sixty megabytes. */
const CACHE_SIZE = 1_000_000
/** Latest blocks of one user that count. */
const MAX_BLOCKED = 10_000
/** Longest time for which relations are believed without a look at the database, in milliseconds. */
const CACHE_MS = 60_000

/**
 * The relations of users who read often, such as those of everybody who has a long poll open. They are read once and
 * forgotten with each change, by whatever instance it was made.
 */
export class RelationCache {
  readonly #deps: RelationsDeps
  readonly #cache = new LRUCache<Address, CachedRelations>({
    maxSize: CACHE_SIZE,
    sizeCalculation: ({ friends, blocked }) => 1 + friends.size + blocked.size,
    ttl: CACHE_MS,
    ttlAutopurge: true, // or users would be followed for as long as nobody else takes their room
    dispose: ({ unfollow }) => unfollow()
  })
  readonly #loads = new SingleFlight<string, Relations>()
  /** Changes so far: what was read before one may be out of date. */
  #changes = 0

  constructor(deps: RelationsDeps) {
    this.#deps = deps
    deps.bus.subscribe(event => this.changed(event))
  }

  /**
   * Forgets what an event has changed. The bus brings it too, where the user is followed: to be called by who has just
   * committed it in any case, so that its user finds it done.
   */
  changed(event: SocialEvent): void {
    if (event.kind === 'sessions-ended') return
    this.#changes += 1
    if (event.kind === 'messages-lost') this.#cache.clear()
    else for (const user of [event.actor, event.target]) this.#cache.delete(user)
  }

  /** @throws SocialError `unavailable` */
  async of(user: Address): Promise<Relations> {
    return this.#cache.get(user) ?? this.#load(user)
  }

  #load(user: Address): Promise<Relations> {
    const changes = this.#changes
    return this.#loads.run(`${changes} ${user}`, async () => {
      // From before the read on, so that no change after it is missed.
      const unfollow = this.#deps.bus.follow(user)
      try {
        const relations = await this.#read(user)
        if (changes === this.#changes) this.#cache.set(user, { ...relations, unfollow })
        else unfollow()
        return relations
      } catch (error) {
        unfollow()
        throw error
      }
    })
  }

  async #read(user: Address): Promise<Relations> {
    const { lists, blocks, maxFriends } = this.#deps
    const [friends, blocked] = await Promise.all([
      lists.friends(user, { limit: maxFriends, offset: 0 }),
      blocks.blocked(user, { limit: MAX_BLOCKED, offset: 0 })
    ])
    return { friends: new Set(friends.items), blocked: new Set(blocked.items.map(({ address }) => address)) }
  }
}
