import type { RateLimit } from '../cluster/rate-limit.ts'
import type { Intent } from '../domain/friendship.ts'

interface ActionLimitsDeps {
  /** Actions of one user upon anybody. */
  readonly ofUser: RateLimit
  /** Actions of one user upon the same other one. */
  readonly ofPair: RateLimit
  /** Blocks, and unblocks, of one user: counted apart, so that a user who is flooded can still block. */
  readonly blocks: RateLimit
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
}
