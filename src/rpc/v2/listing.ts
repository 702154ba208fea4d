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
 * so first the pictures are left out, then the colours of the names, and only then the last items.
 */
export function encodeListing<Item, Encoded>(
  { items, profileOf, besideOf, maxBytes }: Listing<Item>,
  encode: (item: Item, profile: Profile) => Encoded
): Encoded[] {
  const room = maxBytes - ANSWER_OVERHEAD
  const entries = items.map(item => ({ item, beside: besideOf(item), profile: profileOf(item) }))
  type Size = (entry: (typeof entries)[number]) => number
  const fits = (size: Size): boolean => entries.reduce((bytes, entry) => bytes + size(entry), 0) <= room
  // Most pages are far below the limit, which is seen without a look at any character.
  if (fits(({ beside, profile }) => beside + profileSizeAtMost(profile))) {
    return entries.map(({ item, profile }) => encode(item, profile))
  }
  const sizeWith =
    (detail: Detail): Size =>
    entry =>
      delimited(entry.beside + profileSize(entry.profile, detail))
  const detail = DETAILS.find(each => fits(sizeWith(each))) ?? LEAST_DETAIL
  const shown = fitting(entries, sizeWith(detail), room)
  return shown.map(({ item, profile }) => encode(item, withDetail(profile, detail)))
}

/** What is shown of profiles beside their names. */
interface Detail {
  readonly pictures: boolean
  readonly colors: boolean
}

const LEAST_DETAIL: Detail = { pictures: false, colors: false }
/** The best one first. */
const DETAILS: readonly Detail[] = [{ pictures: true, colors: true }, { pictures: false, colors: true }, LEAST_DETAIL]

function withDetail(profile: Profile, { pictures, colors }: Detail): Profile {
  const { pictureUrl, nameColor } = profile
  return { ...profile, pictureUrl: pictures ? pictureUrl : '', nameColor: colors ? nameColor : null }
}

/** Three numbers of 32 bits with their tags, and what is before them all. */
const COLOR_SIZE = 17

function profileSize(profile: Profile, { pictures, colors }: Detail): number {
  const { address, name, hasClaimedName, pictureUrl, nameColor } = profile
  const picture = pictures ? textSize(pictureUrl) : 0
  const color = colors && nameColor !== null ? COLOR_SIZE : 0
  return delimited(address.length) + textSize(name) + (hasClaimedName ? 2 : 0) + picture + color
}

/** Bytes of a profile with its tag and length beside name and picture, at most. */
const PROFILE_OVERHEAD = 96
/** What UTF-8 makes of a unit of UTF-16, at most. */
const BYTES_OF_UNIT = 3

/** As {@link profileSize} and what is before it, or more. */
function profileSizeAtMost({ name, pictureUrl }: Profile): number {
  return PROFILE_OVERHEAD + BYTES_OF_UNIT * (name.length + pictureUrl.length)
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
