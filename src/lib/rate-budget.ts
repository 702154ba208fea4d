import { LRUCache } from 'lru-cache'

interface RateBudgetOptions {
  /** What can be spent at once after a pause. */
  readonly burst: number
  /** What comes back in a second. */
  readonly perSecond: number
  /** Keys that are remembered; of more, those that spent longest ago begin anew. */
  readonly maxKeys: number
  /** Milliseconds by a clock that never goes back. */
  readonly now?: () => number
}

interface Account {
  level: number
  at: number
}

/** How much each key may spend over time: a token bucket for each, which may be overdrawn. */
export class RateBudget {
  readonly #options: RateBudgetOptions
  readonly #accounts: LRUCache<string, Account>
  readonly #now: () => number

  constructor(options: RateBudgetOptions) {
    this.#options = options
    this.#accounts = new LRUCache({ max: options.maxKeys })
    this.#now = options.now ?? (() => performance.now())
  }

  /** Spends, also what is not there. @returns milliseconds until the budget is level again; 0 within it */
  spend(key: string, amount = 1): number {
    const account = this.#accountOf(key)
    account.level -= amount
    return this.#debtMs(account)
  }

  /** Whether anything can be spent now; spends nothing. */
  isLevel(key: string): boolean {
    return this.#debtMs(this.#accountOf(key)) === 0
  }

  #accountOf(key: string): Account {
    const { burst, perSecond } = this.#options
    const now = this.#now()
    const known = this.#accounts.get(key)
    if (!known) {
      const account = { level: burst, at: now }
      this.#accounts.set(key, account)
      return account
    }
    known.level = Math.min(burst, known.level + ((now - known.at) / 1000) * perSecond)
    known.at = now
    return known
  }

  #debtMs({ level }: Account): number {
    return level >= 0 ? 0 : (-level / this.#options.perSecond) * 1000
  }
}
