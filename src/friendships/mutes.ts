import type { RateLimit } from '../cluster/rate-limit.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { MutedUser, MuteStore } from '../storage/mutes.ts'

export type { MutedUser }

interface MutesDeps {
  readonly store: MuteStore
  /** Mutes and their ends, of one user. */
  readonly limit: RateLimit
  /** Unix milliseconds. */
  readonly now: () => number
}

/**
 * Whom users do not want to hear. It is a note that a user makes for their own devices: nobody is told, and it changes
 * nothing between the two, as a block does.
 */
export class Mutes {
  readonly #deps: MutesDeps

  constructor(deps: MutesDeps) {
    this.#deps = deps
  }

  /** Does nothing when it is so already. @throws SocialError `invalid_request` for oneself, `too_many_requests` */
  async mute(user: Address, other: Address): Promise<void> {
    if (user === other) throw new SocialError('invalid_request', 'You cannot mute yourself')
    await this.#deps.limit.take(user)
    await this.#deps.store.add(user, other, this.#deps.now())
  }

  /** Does nothing when it is so already. @throws SocialError `too_many_requests` */
  async unmute(user: Address, other: Address): Promise<void> {
    await this.#deps.limit.take(user)
    await this.#deps.store.remove(user, other)
  }

  /** Whom a user mutes, latest first. @param among only these; all when null */
  list(user: Address, page: Page, among: readonly Address[] | null): Promise<Paged<MutedUser>> {
    return this.#deps.store.list(user, page, among)
  }
}
