import { LRUCache } from 'lru-cache'
import { SingleFlight } from './single-flight.ts'

interface TokenCacheOptions {
  /** Values in memory. */
  readonly maxSize: number
  /** Longest time for which a value is used without being loaded anew, in milliseconds; unbounded when absent. */
  readonly ttlMs?: number
}

/**
 * What is known of tokens, by their hex hashes: each loaded once for all callers at the same time, and forgotten at
 * once when it is revoked. A value that was being loaded while something was forgotten may be just that, and is not
 * cached.
 */
export class TokenCache<Value extends {}> {
  readonly #values: LRUCache<string, Value>
  readonly #loads = new SingleFlight<string, Value | null>()
  #forgets = 0

  constructor({ maxSize, ttlMs = 0 }: TokenCacheOptions) {
    this.#values = new LRUCache({ max: maxSize, ttl: ttlMs })
  }

  get(hash: string): Value | undefined {
    return this.#values.get(hash)
  }

  /** The cached value of a token, or what `load` returns: null is not cached. @throws what `load` throws */
  async getOrLoad<Loaded extends Value | null>(hash: string, load: () => Promise<Loaded>): Promise<Value | Loaded> {
    return this.#values.get(hash) ?? (this.load(hash, load) as Promise<Value | Loaded>)
  }

  /** As {@link getOrLoad}, although the value may be cached. */
  load<Loaded extends Value | null>(hash: string, load: () => Promise<Loaded>): Promise<Value | Loaded> {
    const forgets = this.#forgets
    // No caller joins a load that began before something was forgotten.
    return this.#loads.run(`${forgets} ${hash}`, async () => {
      const value = await load()
      if (value !== null && forgets === this.#forgets) this.#values.set(hash, value)
      return value
    }) as Promise<Value | Loaded>
  }

  forget(hashes: readonly string[]): void {
    this.#forgets += 1
    for (const hash of hashes) this.#values.delete(hash)
  }

  /** @returns the hashes of what was forgotten */
  forgetWhere(isOver: (value: Value) => boolean): string[] {
    const hashes = [...this.#values.entries()].flatMap(([hash, value]) => (isOver(value) ? hash : []))
    this.forget(hashes)
    return hashes
  }

  forgetAll(): void {
    this.#forgets += 1
    this.#values.clear()
  }
}
