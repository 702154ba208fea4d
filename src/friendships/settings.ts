import type { RateLimit } from '../cluster/rate-limit.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { UserSettings } from '../domain/settings.ts'
import type { MessageSettings, SettingsStore } from '../storage/settings.ts'

export type { MessageSettings }

/** Users of one request about how they want to be written to. */
const MAX_USERS = 50

/** What users decide about themselves. */
export class Settings {
  readonly #store: SettingsStore
  readonly #limit: RateLimit

  /** @param limit of changes by one user */
  constructor(store: SettingsStore, limit: RateLimit) {
    this.#store = store
    this.#limit = limit
  }

  of(user: Address): Promise<UserSettings> {
    return this.#store.read(user)
  }

  /**
   * Changes what is named and keeps the rest.
   * @returns all settings as they are now
   * @throws SocialError `too_many_requests`
   */
  async change(user: Address, settings: Partial<UserSettings>): Promise<UserSettings> {
    await this.#limit.take(user)
    return this.#store.change(user, settings)
  }

  /**
   * How others want to be written to, in the order of `others`.
   * @throws SocialError `invalid_request` for more than 50 users
   */
  async messageSettings(user: Address, others: readonly Address[]): Promise<MessageSettings[]> {
    if (others.length > MAX_USERS)
      throw new SocialError('invalid_request', `At most ${MAX_USERS} users can be asked about`)
    return others.length === 0 ? [] : this.#store.messageSettings(user, others)
  }
}
