import { type Address, type OrderedPair, orderedPair, parseAddress } from '../../domain/address.ts'

export type UserId = `@${string}:${string}`
export type RoomAlias = `#${string}:${string}`
/** Opaque: up to room version 11 it ends with the name of a server, from 12 on it does not. */
export type RoomId = `!${string}`
export type EventId = `$${string}`

const PAIR_ALIAS_NAME = /^(0x[0-9a-f]{40})\+(0x[0-9a-f]{40})$/i

/**
 * Addresses and pairs as the ids of one homeserver, and back. It writes one spelling, in lower case and with the
 * lesser address first, and reads every letter case and order: no other spelling of an id can pass for somebody else.
 */
export class MatrixIds {
  /** What follows the first colon of an id. Only the homeserver's configuration says it: it is not the host of a URL. */
  readonly serverName: string

  constructor(serverName: string) {
    this.serverName = serverName
  }

  userId(address: Address): UserId {
    return `@${address}:${this.serverName}`
  }

  /** Whose user id it is; null for another server's, and for users that are no address. */
  addressOf(userId: unknown): Address | null {
    return parseAddress(this.#localpart('@', userId))
  }

  /** The alias of the room that the two share. */
  pairAlias(pair: OrderedPair): RoomAlias {
    return `#${this.pairAliasName(pair)}:${this.serverName}`
  }

  /** That alias without sigil and server, as the `room_alias_name` of createRoom has it. */
  pairAliasName({ lo, hi }: OrderedPair): string {
    return `${lo}+${hi}`
  }

  /** The pair whose room has this alias; null for another server's, and for rooms that are no pair's. */
  pairOf(alias: unknown): OrderedPair | null {
    return this.pairOfName(this.#localpart('#', alias))
  }

  /** As {@link pairOf}, for an alias without sigil and server. */
  pairOfName(name: unknown): OrderedPair | null {
    const [, first, second] = (typeof name === 'string' && PAIR_ALIAS_NAME.exec(name)) || []
    const [a, b] = [parseAddress(first), parseAddress(second)]
    return a && b && a !== b ? orderedPair(a, b) : null
  }

  /** What stands between the sigil and the server name, if it is an id of this server. */
  #localpart(sigil: '@' | '#', id: unknown): string | null {
    const end = `:${this.serverName}`
    return typeof id === 'string' && id.startsWith(sigil) && id.endsWith(end) ? id.slice(1, -end.length) : null
  }
}
