import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { Page, Paged } from '../domain/page.ts'
import type { MessagePrivacy } from '../domain/settings.ts'
import type { FriendLists, Relation } from '../storage/friend-lists.ts'
import type { SettingsStore } from '../storage/settings.ts'

export type { Relation }

/** Pairs of one question. */
export const MAX_PAIRS = 100

interface ServiceQuestionsDeps {
  readonly lists: FriendLists
  readonly settings: SettingsStore
}

/** What other services ask. They have no place among the users: what users expose to each other does not bind them. */
export class ServiceQuestions {
  readonly #deps: ServiceQuestionsDeps

  constructor(deps: ServiceQuestionsDeps) {
    this.#deps = deps
  }

  /** Who may write to a user; the default for one whom nobody knows. */
  async messagePrivacy(user: Address): Promise<MessagePrivacy> {
    return (await this.#deps.settings.read(user)).privateMessages
  }

  /**
   * What is between the users of each pair, in the order of the pairs.
   * @throws SocialError `invalid_request` for more than {@link MAX_PAIRS}
   */
  async relations(pairs: readonly { readonly a: Address; readonly b: Address }[]): Promise<Relation[]> {
    if (pairs.length > MAX_PAIRS) {
      throw new SocialError('invalid_request', `At most ${MAX_PAIRS} pairs can be asked about`)
    }
    return pairs.length === 0 ? [] : this.#deps.lists.relations(pairs)
  }

  /** Friends of a user in the order of their addresses. */
  friends(user: Address, page: Page): Promise<Paged<Address>> {
    return this.#deps.lists.friends(user, page)
  }
}
