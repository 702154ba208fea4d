import type { Address } from '../domain/address.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { BlockedUser, BlockLists } from '../storage/blocks.ts'
import type { Friendships } from './friendships.ts'

export type { BlockedUser }

/** Who blocks whom. A block is a change of the pair like any other, so it goes the way of all changes. */
export class Blocks {
  readonly #lists: BlockLists
  readonly #friends: Friendships

  constructor(lists: BlockLists, friends: Friendships) {
    this.#lists = lists
    this.#friends = friends
  }

  /**
   * Ends whatever is between the two and keeps the other from asking again; does nothing when it is so already.
   * @returns since when, unix milliseconds
   * @throws SocialError `invalid_request` for oneself
   */
  async block(actor: Address, target: Address): Promise<number> {
    return (await this.#friends.act({ actor, target, action: 'block', message: null })).at
  }

  /** Lets the other ask again; restores nothing. @throws SocialError `invalid_request` for oneself */
  async unblock(actor: Address, target: Address): Promise<void> {
    await this.#friends.act({ actor, target, action: 'unblock', message: null })
  }

  /** Users whom this one blocks, latest first. */
  blocked(user: Address, page: Page): Promise<Paged<BlockedUser>> {
    return this.#lists.blocked(user, page)
  }

  /** Whom this user blocks, and who blocks them, latest first; at most `limit` each, and 10,000. */
  status(user: Address, limit: number): Promise<{ blocked: Address[]; blockedBy: Address[] }> {
    return this.#lists.status(user, limit)
  }
}
