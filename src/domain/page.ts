/** A slice of a list: at most `limit` items after the first `offset`. */
export interface Page {
  readonly limit: number
  readonly offset: number
}

/** One slice of a list, and how long the whole list is. */
export interface Paged<Item> {
  readonly items: readonly Item[]
  readonly total: number
}

/** What a list allows. A client that asks for nothing, or for nonsense, gets `defaultLimit` items from the start. */
export interface PageLimits {
  readonly defaultLimit: number
  readonly maxLimit: number
}

/** Farther into a list nobody looks; a greater offset is answered like this one. */
const MAX_OFFSET = 100_000

/** The page that a client asks for, whatever numbers it sends. */
export function pageOf(limit: number | undefined, offset: number | undefined, limits: PageLimits): Page {
  const wanted = Math.floor(limit ?? 0)
  const skipped = Math.floor(offset ?? 0)
  return {
    limit: wanted >= 1 ? Math.min(wanted, limits.maxLimit) : limits.defaultLimit,
    offset: skipped >= 0 ? Math.min(skipped, MAX_OFFSET) : 0
  }
}

/**
 * The first items of a list that have no more bytes than these together. At least one, so that a client that asks for
 * page after page gets on.
 */
export function fitting<Item>(items: Iterable<Item>, sizeOf: (item: Item) => number, maxBytes: number): Item[] {
  const fit: Item[] = []
  let bytes = 0
  for (const item of items) {
    bytes += sizeOf(item)
    if (bytes > maxBytes && fit.length > 0) break
    fit.push(item)
  }
  return fit
}

/** As {@link fitting}, of two lists in one answer: each has half of the bytes, and what the other leaves. */
export function fittingBoth<Item>(
  lists: readonly [readonly Item[], readonly Item[]],
  sizeOf: (item: Item) => number,
  maxBytes: number
): [Item[], Item[]] {
  const [first, second] = lists
  const roomBeside = (other: readonly Item[]): number =>
    Math.max(maxBytes / 2, maxBytes - other.reduce((bytes, item) => bytes + sizeOf(item), 0))
  return [fitting(first, sizeOf, roomBeside(second)), fitting(second, sizeOf, roomBeside(first))]
}
