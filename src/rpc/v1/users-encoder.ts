import { ADDRESS_LENGTH, type Address } from '../../domain/address.ts'

/*
 * The good case of `UsersResponse`, written by hand: `{ users: { users: [{ address }, …] } }`. Every user in it takes the
 * same bytes but for the address, so that a list is text: its addresses, with the same few characters before each.
 */

/** The tag of the first field of a message, when that field has a length: `UsersResponse.users`, `Users.users`, `User.address`. */
const FIRST_FIELD = 0x0a
/** What is before an address: the tag and the length of its user, and its own. */
const USER_HEAD = String.fromCharCode(FIRST_FIELD, ADDRESS_LENGTH + 2, FIRST_FIELD, ADDRESS_LENGTH)
const USER_SIZE = USER_HEAD.length + ADDRESS_LENGTH
/** Bytes of a page beside the users in it, at most. */
const USERS_OVERHEAD = 8

/** What bounds each page of a streamed list. */
export interface PageSize {
  readonly maxItems: number
  readonly maxBytes: number
}

/** A list of users, page by page, each of so many bytes at most. */
export function* encodePages(users: readonly Address[], { maxItems, maxBytes }: PageSize): Generator<Uint8Array> {
  const size = Math.min(maxItems, Math.floor((maxBytes - USERS_OVERHEAD) / USER_SIZE))
  for (let at = 0; at < users.length; at += size) yield encodeUsers(users.slice(at, at + size))
}

function encodeUsers(addresses: readonly Address[]): Uint8Array {
  const users = USER_HEAD + addresses.join(USER_HEAD)
  const head = [FIRST_FIELD, ...varint(users.length)]
  const bytes = Buffer.allocUnsafe(head.length + users.length)
  bytes.set(head)
  bytes.write(users, head.length, 'latin1')
  return bytes
}

/** A length as protobuf writes it: seven bits to a byte, the lowest first. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}
