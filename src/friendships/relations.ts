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
  readonly #cache = new LRUCache<Address, Relations>({
    maxSize: CACHE_SIZE,
    sizeCalculation: ({ friends, blocked }) => 1 + friends.size + blocked.size,
    ttl: CACHE_MS
  })
  readonly #loads = new SingleFlight<string, Relations>()
  /** Changes so far: what was read before one may be out of date. */
  #changes = 0

  constructor(deps: RelationsDeps) {
    this.#deps = deps
    deps.bus.subscribe(event => this.changed(event))
  }

  /**
   * Forgets what an event has changed. The bus brings it too, once it is read from the log: to be called before that by
   * who has just committed it, so that its user finds it done.
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
      const { lists, blocks, maxFriends } = this.#deps
      const [friends, blocked] = await Promise.all([
        lists.friends(user, { limit: maxFriends, offset: 0 }),
        blocks.blocked(user, { limit: MAX_BLOCKED, offset: 0 })
      ])
      const relations = {
        friends: new Set(friends.items),
        blocked: new Set(blocked.items.map(({ address }) => address))
      }
      if (changes === this.#changes) this.#cache.set(user, relations)
      return relations
    })
  }
}
