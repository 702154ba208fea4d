declare const brand: unique symbol

/** An Ethereum address, `0x` and 40 lower-case hex digits. Only {@link parseAddress} makes one. */
export type Address = string & { readonly [brand]: 'Address' }

/** Characters of an address. */
export const ADDRESS_LENGTH = 42

const ADDRESS = /^0x[0-9a-f]{40}$/i
const MATRIX_USER = /^@(0x[0-9a-f]{40}):(?:\[[\da-f:.]+\]|[^\s:[\]]+)(?::\d+)?$/i

/** The address that `text` spells in any letter case, or null. */
export function parseAddress(text: unknown): Address | null {
  return typeof text === 'string' && ADDRESS.test(text) ? (text.toLowerCase() as Address) : null
}

/** As {@link parseAddress}, and also takes the Matrix form `@0x…:server`. */
export function parseUserId(text: unknown): Address | null {
  if (typeof text !== 'string') return null
  const matrix = MATRIX_USER.exec(text)
  return parseAddress(matrix ? matrix[1] : text)
}

/** Two addresses in the order in which a pair is stored: `lo < hi`. */
export interface OrderedPair {
  readonly lo: Address
  readonly hi: Address
}

/** The pair of two different users, in either order. */
export function orderedPair(a: Address, b: Address): OrderedPair {
  return a < b ? { lo: a, hi: b } : { lo: b, hi: a }
}

/** Whether a user is one of the two. */
export function isOneOf({ lo, hi }: OrderedPair, user: Address | null): boolean {
  return user === lo || user === hi
}

/** The other one of the two than this one. */
export function otherOf({ lo, hi }: OrderedPair, user: Address): Address {
  return user === lo ? hi : lo
}
