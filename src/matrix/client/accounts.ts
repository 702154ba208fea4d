import type { Address } from '../../domain/address.ts'
import { TokenCache } from '../../lib/token-cache.ts'
import type { HomeserverClient } from './client.ts'

/** Users who are known to be ready, in memory. */
const CACHE_SIZE = 100_000

/** Where it is recorded who is ready, for all instances and for good. */
interface AccountStore {
  has(user: Address): Promise<boolean>
  add(user: Address): Promise<void>
  remove(user: Address): Promise<void>
}

/** The accounts of users on the homeserver, who may never have been there themselves. */
export class Accounts {
  readonly #homeserver: Pick<HomeserverClient, 'as' | 'register'>
  readonly #store: AccountStore
  // By address: loaded once for all who need it, and not believed when it was forgotten meanwhile.
  readonly #ready = new TokenCache<true>({ maxSize: CACHE_SIZE })

  constructor(homeserver: Pick<HomeserverClient, 'as' | 'register'>, store: AccountStore) {
    this.#homeserver = homeserver
    this.#store = store
  }

  /** Makes sure that the user has an account, and is in the user directory. @throws HomeserverError, SocialError */
  async ensure(user: Address): Promise<void> {
    await this.#ready.getOrLoad(user, () => this.#create(user))
  }

  /** For when the homeserver does not know the user after all. @throws SocialError */
  async forget(user: Address): Promise<void> {
    this.#ready.forget([user])
    await this.#store.remove(user)
  }

  async #create(user: Address): Promise<true> {
    if (await this.#store.has(user)) return true
    const homeserver = this.#homeserver
    const isNew = await homeserver.register(user)
    // A new account is called by its address and is in no directory until somebody says so: a name of the user's own
    // choice means that this was done.
    const name = isNew ? user : await homeserver.as(user).getDisplayName()
    if (name === null || name === user) await homeserver.as(user).setDisplayName(user)
    await this.#store.add(user)
    return true
  }
}
