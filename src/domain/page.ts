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
