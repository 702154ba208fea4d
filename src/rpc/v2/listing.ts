import { fitting } from '../../domain/page.ts'
import type { PendingRequest } from '../../friendships/friendships.ts'
import type { Profile } from '../../profiles/profile.ts'

/** What an answer has to hold. */
interface Listing<Item> {
  readonly items: readonly Item[]
  readonly profileOf: (item: Item) => Profile
  /** Bytes of an item beside its profile, at most. */
  readonly besideOf: (item: Item) => number
  /** Of the whole answer. */
  readonly maxBytes: number
}

/** Bytes of an answer beside its items: the page, and what protobuf puts before the list. */
const ANSWER_OVERHEAD = 32
/** A number of 64 bits with its tag, at most. */
const NUMBER_SIZE = 11
/** What protobuf puts before a part that has a length, at most, where none is longer than two megabytes. */
const LENGTH_OVERHEAD = 4
/** The longest id of a request, which is a number in decimal digits. */
const ID_SIZE = 20 + LENGTH_OVERHEAD

/** Of somebody whom the user blocks: since when. */
export const BLOCKED_SIZE = NUMBER_SIZE

/** Of a request: its id, time and message. */
export function requestSize({ message }: PendingRequest): number {
  return ID_SIZE + NUMBER_SIZE + LENGTH_OVERHEAD + textSize(message ?? '')
}

/**
 * The items of an answer as they fit into it. Clients read an answer into a buffer of a fixed size, and break on more:
 * so first the pictures are left out, and only then the last items.
 */
export function encodeListing<Item, Encoded>(
  { items, profileOf, besideOf, maxBytes }: Listing<Item>,
  encode: (item: Item, profile: Profile) => Encoded
): Encoded[] {
  const room = maxBytes - ANSWER_OVERHEAD
  const sizeOf = (item: Item): number => delimited(besideOf(item) + profileSize(profileOf(item)))
  const whole = items.reduce((bytes, item) => bytes + sizeOf(item), 0)
  if (whole <= room) return items.map(item => encode(item, profileOf(item)))
  const withoutPicture = (item: Item): Profile => ({ ...profileOf(item), pictureUrl: '' })
  const sizeWithout = (item: Item): number => delimited(besideOf(item) + profileSize(withoutPicture(item)))
  return fitting(items, sizeWithout, room).map(item => encode(item, withoutPicture(item)))
}

function profileSize({ address, name, hasClaimedName, pictureUrl }: Profile): number {
  return delimited(address.length) + textSize(name) + (hasClaimedName ? 2 : 0) + textSize(pictureUrl)
}

/** Text that is empty is not written. */
function textSize(text: string): number {
  return text === '' ? 0 : delimited(Buffer.byteLength(text))
}

/** So many bytes with their tag and their length before them. */
function delimited(bytes: number): number {
  if (bytes < 128) return bytes + 2
  return bytes + (bytes < 16_384 ? 3 : LENGTH_OVERHEAD)
}
