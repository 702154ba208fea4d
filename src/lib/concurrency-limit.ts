import { SocialError } from '../domain/errors.ts'

/** How many requests may be under way at the same time. */
export interface ConcurrencyLimits {
  readonly total: number
  readonly perUser: number
}

/** Counts what is under way, so that neither one user nor all together can take more than there is. */
export class ConcurrencyLimit {
  readonly #limits: ConcurrencyLimits
  readonly #byUser = new Map<string, number>()
  #total = 0

  constructor(limits: ConcurrencyLimits) {
    this.#limits = limits
  }

  /**
   * @returns how to give the slot back
   * @throws SocialError `too_many_requests`, `unavailable` when it is not this user who has too many
   */
  acquire(user: string): () => void {
    const taken = this.#byUser.get(user) ?? 0
    if (taken >= this.#limits.perUser) throw new SocialError('too_many_requests', 'Too many requests at a time', 1_000)
    if (this.#total >= this.#limits.total) throw new SocialError('unavailable', 'The server is full, try again', 1_000)
    this.#byUser.set(user, taken + 1)
    this.#total += 1
    return () => {
      this.#total -= 1
      const left = (this.#byUser.get(user) ?? 1) - 1
      if (left === 0) this.#byUser.delete(user)
      else this.#byUser.set(user, left)
    }
  }
}
