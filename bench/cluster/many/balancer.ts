/** An instance that refused a connection is not tried again for so long, in milliseconds, while there is another one. */
const AVOID_MS = 1_000

/** Where a client has a connection, or makes one. */
export interface Place {
  readonly url: string
  clients: number
  avoidUntil: number
}

/** So many instances are looked at for each client. */
const CHOICE = 3

/**
 * Sends each client to the emptiest of three instances that are chosen at random. Were it the emptiest of all, one that
 * was just started would have to take all clients of the next one that ends, in ten seconds.
 */
export class Balancer {
  readonly #places: readonly Place[]

  constructor(urls: readonly string[]) {
    this.#places = urls.map(url => ({ url, clients: 0, avoidUntil: 0 }))
  }

  /** To be given back with {@link release}. */
  take(): Place {
    const now = performance.now()
    const fit = this.#places.filter(({ avoidUntil }) => avoidUntil <= now)
    const candidates = fit.length > 0 ? fit : this.#places
    const chosen = sampleOf(candidates, CHOICE)
    const place = chosen.reduce((emptiest, it) => (it.clients < emptiest.clients ? it : emptiest))
    place.clients += 1
    return place
  }

  release(place: Place): void {
    place.clients -= 1
  }

  /** It does not take connections at present. */
  avoid(place: Place): void {
    place.avoidUntil = performance.now() + AVOID_MS
  }
}

function sampleOf<Item>(items: readonly Item[], count: number): Item[] {
  const left = [...items]
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!
  )
}
