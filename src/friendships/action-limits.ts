import type { RateLimit } from '../cluster/rate-limit.ts'
import type { Address } from '../domain/address.ts'
import type { Intent } from '../domain/friendship.ts'

interface ActionLimitsDeps {
  /** Actions of one user upon anybody. */
  readonly ofUser: RateLimit
  /** Actions of one user upon the same other one. */
  readonly ofPair: RateLimit
  /** Blocks, and unblocks, of one user: counted apart, so that a user who is flooded can still block. */
  readonly blocks: RateLimit
  /** Requests of anybody to one user. */
  readonly incoming: RateLimit
}

/** How often users may act upon each other. */
export class ActionLimits {
  readonly #deps: ActionLimitsDeps

  constructor(deps: ActionLimitsDeps) {
    this.#deps = deps
  }

  /** @throws SocialError `too_many_requests` */
  async take({ actor, target, action }: Omit<Intent, 'message'>): Promise<void> {
    const { ofUser, ofPair, blocks } = this.#deps
    if (action === 'block' || action === 'unblock') return blocks.take(actor)
    await Promise.all([ofUser.take(actor), ofPair.take(`${actor}:${target}`)])
  }

  /** Counts a request to a user, once it is one: who may not ask takes nothing from those who may. @throws as {@link take} */
  async takeIncoming(target: Address): Promise<void> {
    await this.#deps.incoming.take(target)
  }
}
