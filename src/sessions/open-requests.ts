import { settledWithin } from '../lib/deadline.ts'
import { Multimap } from '../lib/multimap.ts'

/** Longest time that a logout waits for requests that came before it, in milliseconds: a homeserver may hang. */
const MAX_WAIT_MS = 5_000

/**
 * The requests that are being served here, by the access token that they came with. A client may log out without
 * waiting for what it asked for before, and to serve that may take the token more than once: a logout that overtook it
 * would have it fail half-way.
 */
export class OpenRequests {
  readonly #maxWaitMs: number
  readonly #byToken = new Multimap<string, Promise<void>>()

  constructor(maxWaitMs = MAX_WAIT_MS) {
    this.#maxWaitMs = maxWaitMs
  }

  /**
   * Called when a request has come, before anything is awaited: a logout that comes next has to find it.
   * @returns has to be called when it is served, whatever came of it
   */
  begin(token: string): () => void {
    let end = (): void => {}
    const served = new Promise<void>(resolve => {
      end = resolve
    })
    this.#byToken.add(token, served)
    return () => {
      this.#byToken.remove(token, served)
      end()
    }
  }

  /** Waits, within a limit, for those requests of a token that are being served now. */
  async served(token: string): Promise<void> {
    await settledWithin(this.#maxWaitMs, Promise.all(this.#byToken.get(token)))
  }
}
