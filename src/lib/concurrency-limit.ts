/** How much may be under way at the same time, in all and of one key. */
export interface ConcurrencyLimits {
  readonly total: number
  readonly perKey: number
}

/** What is under way counts until it is given back; or which of the two limits is reached. */
export type Acquired = { readonly release: () => void } | { readonly reached: 'total' | 'key' }

/** Counts what is under way, so that neither one key nor all together can take more than there is. */
export class ConcurrencyLimit {
  readonly #limits: ConcurrencyLimits
  readonly #byKey = new Map<string, number>()
  #total = 0

  constructor(limits: ConcurrencyLimits) {
    this.#limits = limits
  }

  acquire(key: string): Acquired {
    const underWay = this.#byKey.get(key) ?? 0
    if (underWay >= this.#limits.perKey) return { reached: 'key' }
    if (this.#total >= this.#limits.total) return { reached: 'total' }
    this.#byKey.set(key, underWay + 1)
    this.#total += 1
    let isHeld = true
    return {
      release: () => {
        if (isHeld) this.#release(key)
        isHeld = false
      }
    }
  }

  #release(key: string): void {
    this.#total -= 1
    const left = (this.#byKey.get(key) ?? 1) - 1
    if (left === 0) this.#byKey.delete(key)
    else this.#byKey.set(key, left)
  }
}
