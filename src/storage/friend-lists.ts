import { type Address, orderedPair } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { Closeness } from '../domain/policy.ts'
import { Batcher } from '../lib/batcher.ts'
import { blockedBy, blockersOf } from './blocks.ts'
import type { Statement } from './db/database.ts'
import type { ListDatabase } from './db/replicas.ts'
import { columnsOf, fromBytes, splitAddresses } from './schema.ts'

/** A request that waits for an answer, as the user who lists it sees it. */
export interface PendingRequest {
  /** The other user. */
  readonly address: Address
  /** The sequence number of the request. */
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly message: string | null
}

export type RequestDirection = 'incoming' | 'outgoing'

/** What is between two users, as neither of them sees all of it. */
export interface Relation {
  readonly a: Address
  readonly b: Address
  readonly areFriends: boolean
  readonly aBlocksB: boolean
  readonly bBlocksA: boolean
}

/** Totals are exact up to here; beyond it, counting would cost more than the answer is worth. */
const TOTAL_CAP = 100_000

// Two index-only scans, merged: an OR over both columns would use neither index at size.
const friendsOf = (user: string): string => `
  select lo as friend from pair where hi = ${user} and last_action = 2
  union all
  select hi from pair where lo = ${user} and last_action = 2`

// By intersection, which sorts or hashes: a join may compare all with all where statistics say that nobody has friends.
const mutualOf = (a: string, b: string): string => `
  (${friendsOf(a)}) intersect (${friendsOf(b)})`

/** Whether one of two users, named in their order, blocks the other. */
const isBlocked = (lo: string, hi: string): string => `exists (select 1 from pair
  where lo = ${lo} and hi = ${hi} and (blocked_by_lo is not null or blocked_by_hi is not null))`

// A page of addresses travels as one string: they all have one length, and a row for each costs more to send and parse.
// Each of the two scans has the order of the addresses and ends with the page. Left to itself, the planner takes nobody to
// have many friends, and sorts all of them.
const FRIENDS = {
  name: 'friends',
  text: `select (select friends from user_count where address = $1), string_agg(friend, '' order by friend) from (
      (select lo as friend from pair where hi = $1 and last_action = 2 order by lo limit $2::bigint + $3::bigint)
      union all
      (select hi from pair where lo = $1 and last_action = 2 order by hi limit $2::bigint + $3::bigint)
      order by friend limit $2 offset $3
    ) page`
}
/** As {@link FRIENDS}, for several users, each with a page of their own. */
const FRIENDS_OF_SEVERAL = {
  name: 'friends-of-several',
  text: `select (select friends from user_count where address = wanted.address), (
      select string_agg(friend, '' order by friend) from (
        (select lo as friend from pair where hi = wanted.address and last_action = 2 order by lo limit size + skipped)
        union all
        (select hi from pair where lo = wanted.address and last_action = 2 order by hi limit size + skipped)
        order by friend limit size offset skipped
      ) page)
    from unnest($1::text[] collate "C", $2::bigint[], $3::bigint[]) with ordinality
      as wanted (address, size, skipped, place) order by place`
}
const FRIEND_COUNT = { name: 'friend-count', text: 'select friends from user_count where address = $1' }
const counted = (name: string, friends: string): Statement => ({
  name,
  text: `with listed as materialized (${friends})
    select (select count(*) from listed), string_agg(friend, '' order by friend)
    from (select friend from listed order by friend limit $3 offset $4) page`
})
const MUTUAL = counted(
  'mutual-friends',
  `select friend from (${mutualOf('$1', '$2')}) common where not ${isBlocked('$1', '$2')}`
)
const VISIBLE = counted(
  'visible-friends',
  `(${friendsOf('$1')}) except (${blockedBy('$2')} union all ${blockersOf('$2')})`
)
const CLOSENESS = {
  name: 'closeness',
  text: `select exists (select 1 from pair where lo = $1 and hi = $2 and last_action = 2),
    exists (${mutualOf('$1', '$2')}),
    ${isBlocked('$1', '$2')}`
}

const RELATIONS = {
  name: 'relations',
  text: `select coalesce(last_action = 2, false), blocked_by_lo is not null, blocked_by_hi is not null
    from unnest($1::text[] collate "C", $2::text[] collate "C") with ordinality as wanted (lo, hi, place)
    left join pair on pair.lo = wanted.lo and pair.hi = wanted.hi order by place`
}

// The length of a message is known without reading it: what is above the bytes of a page stays where it is.
const REQUESTER = 'case when actor_is_lo then lo else hi end'
const REQUESTED = 'case when actor_is_lo then hi else lo end'
const requests = (name: string, mine: string, other: string): Statement => ({
  name: `requests-${name}`,
  text: `with total as (
      select count(*) as n from (select 1 from pair where ${mine} = $1 and last_action = 1 limit ${TOTAL_CAP}) r
    ), candidate as (
      select ${other} as other, version, acted_at, message from pair
      where ${mine} = $1 and last_action = 1 order by version desc limit $2 offset $3
    ), page as (
      select other, version, acted_at, message from (
        select *, sum(octet_length(message)) over (order by version desc rows between unbounded preceding and 1 preceding)
          as bytes_before from candidate
      ) measured where coalesce(bytes_before, 0) < $4
    )
    select n, other, version, acted_at, message from total left join page on true order by version desc`
})
const REQUESTS: Record<RequestDirection, Statement> = {
  incoming: requests('incoming', REQUESTED, REQUESTER),
  outgoing: requests('outgoing', REQUESTER, REQUESTED)
}

/** Lists of one statement, and statements at a time: a server with many processors is not to be kept waiting by one. */
const LISTS_AT_ONCE = { maxBatch: 32, atOnce: 2, isOutage: isUnavailable }

interface FriendsQuery {
  readonly user: Address
  readonly page: Page
}

type AddressesRow = [total: number | null, addresses: string | null]

/** Lists of friends and requests: one statement each, index scans whose cost follows the page. */
export class FriendLists {
  readonly #db: ListDatabase
  readonly #maxPageBytes: number
  readonly #friends: Batcher<FriendsQuery, Paged<Address>>

  /** @param maxPageBytes of the messages of requests; a page ends with the message that reaches them */
  constructor(db: ListDatabase, maxPageBytes = 98_304) {
    this.#db = db
    this.#maxPageBytes = maxPageBytes
    this.#friends = new Batcher(queries => this.#friendsOf(queries), LISTS_AT_ONCE)
  }

  /** Friends in the order of their addresses. */
  friends(user: Address, page: Page): Promise<Paged<Address>> {
    return this.#db.isOnePlace ? this.#friends.load({ user, page }) : this.#friendsOfOne({ user, page })
  }

  async friendCount(user: Address): Promise<number> {
    const [row] = await this.#db.retryableRows<[number]>(FRIEND_COUNT, [user])
    return row?.[0] ?? 0
  }

  /** As {@link friends}, without those of whom one and the viewer blocks the other. */
  async visibleFriends(user: Address, viewer: Address, page: Page): Promise<Paged<Address>> {
    return this.#addresses(VISIBLE, [user, viewer, page.limit, page.offset])
  }

  /** Friends that two users have in common, in the order of their addresses; none when one blocks the other. */
  async mutualFriends(a: Address, b: Address, page: Page): Promise<Paged<Address>> {
    const { lo, hi } = orderedPair(a, b)
    return this.#addresses(MUTUAL, [lo, hi, page.limit, page.offset])
  }

  /** How near two different users are to each other; null when one blocks the other. */
  async closeness(a: Address, b: Address): Promise<Closeness | null> {
    const { lo, hi } = orderedPair(a, b)
    type Row = [friends: boolean, friendsOfFriends: boolean, blocked: boolean]
    const [row] = await this.#db.retryableRows<Row>(CLOSENESS, [lo, hi])
    const [friends = false, friendsOfFriends = false, blocked = false] = row ?? []
    return blocked ? null : { friends, friendsOfFriends }
  }

  /** What is between the users of each of these pairs, in their order; nothing, between a user and themselves. */
  async relations(pairs: readonly { readonly a: Address; readonly b: Address }[]): Promise<Relation[]> {
    const ordered = pairs.map(({ a, b }) => orderedPair(a, b))
    type Row = [friends: boolean, loBlocks: boolean, hiBlocks: boolean]
    const rows = await this.#db.retryableRows<Row>(RELATIONS, columnsOf(ordered, ['lo', 'hi']))
    return pairs.map(({ a, b }, at) => {
      const [areFriends = false, loBlocks = false, hiBlocks = false] = rows[at] ?? []
      const [aBlocksB, bBlocksA] = a === ordered[at]?.lo ? [loBlocks, hiBlocks] : [hiBlocks, loBlocks]
      return { a, b, areFriends, aBlocksB, bBlocksA }
    })
  }

  /** Requests that wait for an answer, newest first; fewer than the page when their messages are long. The total is exact up to 100,000. */
  async requests(user: Address, direction: RequestDirection, page: Page): Promise<Paged<PendingRequest>> {
    type Row = [total: number, address: Address | null, seq: number, at: number, message: Buffer | null]
    const values = [user, page.limit, page.offset, this.#maxPageBytes]
    const rows = await this.#db.retryableRows<Row>(REQUESTS[direction], values)
    const items = rows.flatMap(([, address, seq, at, message]) =>
      address === null ? [] : [{ address, seq, at, message: fromBytes(message) }]
    )
    return { items, total: rows[0]?.[0] ?? 0 }
  }

  #friendsOfOne({ user, page }: FriendsQuery): Promise<Paged<Address>> {
    return this.#addresses(FRIENDS, [user, page.limit, page.offset])
  }

  async #friendsOf(queries: readonly FriendsQuery[]): Promise<(query: FriendsQuery) => Paged<Address>> {
    const [first] = queries
    if (first && queries.length === 1) {
      const page = await this.#friendsOfOne(first)
      return () => page
    }
    const columns = queries.map(({ user, page }) => ({ user, ...page }))
    const values = columnsOf(columns, ['user', 'limit', 'offset'])
    const rows = await this.#db.retryableRows<AddressesRow>(FRIENDS_OF_SEVERAL, values)
    const pages = new Map(queries.map((query, at) => [query, toPage(rows[at])]))
    return query => pages.get(query) ?? toPage(undefined)
  }

  async #addresses(statement: Statement, values: unknown[]): Promise<Paged<Address>> {
    const [row] = await this.#db.retryableRows<AddressesRow>(statement, values)
    return toPage(row)
  }
}

function toPage(row: AddressesRow | undefined): Paged<Address> {
  return { items: splitAddresses(row?.[1]), total: row?.[0] ?? 0 }
}
