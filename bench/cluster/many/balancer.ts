/** An instance that refused a connection is not tried again for so long, in milliseconds, while there is another one. */
const AVOID_MS = 1_000

/** Where a client has a connection, or makes one. */
export interface Place {
  readonly url: string
  clients: number
  avoidUntil: number
}

/** Sends each client to the instance that has the fewest, as the proxy of docs/operations.md does (`least_conn`). */
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
    const least = Math.min(...candidates.map(({ clients }) => clients))
    const emptiest = candidates.filter(({ clients }) => clients === least)
    const place = emptiest[Math.floor(Math.random() * emptiest.length)]!
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
