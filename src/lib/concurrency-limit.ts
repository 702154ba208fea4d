/** How much may be under way at the same time, in all and of one key: operations, or what they hold, such as bytes. */
export interface ConcurrencyLimitOptions {
  readonly total: number
  readonly perKey: number
}

/** Counts until it is released. */
export interface Permit {
  /** May be called again. */
  release(): void
}

/** A permit, or which limit is reached. */
export type Acquired = Permit | { readonly reached: 'total' | 'key' }

/**
 * A semaphore in all and for each key, so that no key can take what is there for all. Nobody waits: over a limit is
 * over.
 */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions
  readonly #byKey = new Map<string, number>()
  #total = 0

  constructor(options: ConcurrencyLimitOptions) {
    this.#options = options
  }

  /** @param extra what the key may have beyond its limit this time, such as in place of what is about to end */
  acquire(key: string, amount = 1, extra = 0): Acquired {
    const reached = this.#reached(key, amount, extra)
    if (reached) return { reached }
    this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + amount)
    this.#total += amount
    return new HeldPermit(key, amount, this.#release)
  }

  /** Whether {@link acquire} would give a permit. */
  hasRoom(key: string, amount = 1, extra = 0): boolean {
    return this.#reached(key, amount, extra) === null
  }

  #reached(key: string, amount: number, extra: number): 'total' | 'key' | null {
    if ((this.#byKey.get(key) ?? 0) + amount > this.#options.perKey + extra) return 'key'
    return this.#total + amount > this.#options.total ? 'total' : null
  }

  readonly #release = (key: string, amount: number): void => {
    this.#total -= amount
    const left = (this.#byKey.get(key) ?? amount) - amount
    if (left === 0) this.#byKey.delete(key)
    else this.#byKey.set(key, left)
  }
}

/** Not a closure, of which there would be several for each open socket. */
class HeldPermit implements Permit {
  readonly #key: string
  readonly #amount: number
  #release: ((key: string, amount: number) => void) | null

  constructor(key: string, amount: number, release: (key: string, amount: number) => void) {
    this.#key = key
    this.#amount = amount
    this.#release = release
  }

  release(): void {
    this.#release?.(this.#key, this.#amount)
    this.#release = null
  }
}
