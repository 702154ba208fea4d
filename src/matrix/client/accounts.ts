import { LRUCache } from 'lru-cache'
import type { Address } from '../../domain/address.ts'
import type { HomeserverClient } from './client.ts'

/** Users who are known to be ready, in memory. */
const CACHE_SIZE = 100_000

/** Where it is noted who is ready, for all instances and for good. */
interface KnownAccounts {
  has(user: Address): Promise<boolean>
  add(user: Address): Promise<void>
  remove(user: Address): Promise<void>
}

/** The accounts of users on the homeserver, who may never have been there themselves. */
export class Accounts {
  readonly #homeserver: Pick<HomeserverClient, 'as' | 'register'>
  readonly #known: KnownAccounts
  readonly #ready = new LRUCache<Address, Promise<void>>({ max: CACHE_SIZE })

  constructor(homeserver: Pick<HomeserverClient, 'as' | 'register'>, known: KnownAccounts) {
    this.#homeserver = homeserver
    this.#known = known
  }

  /** Makes sure that the user has an account, and is in the user directory. @throws HomeserverError, SocialError */
  ensure(user: Address): Promise<void> {
    const ready = this.#ready.get(user)
    if (ready) return ready
    const making = this.#make(user)
    this.#ready.set(user, making)
    making.catch(() => this.#ready.delete(user))
    return making
  }

  /** For when the homeserver does not know the user after all. @throws SocialError */
  async forget(user: Address): Promise<void> {
    this.#ready.delete(user)
    await this.#known.remove(user)
  }

  async #make(user: Address): Promise<void> {
    if (await this.#known.has(user)) return
    const homeserver = this.#homeserver
    const isNew = await homeserver.register(user)
    // A new account is called by its address and is in no directory until somebody says so: a name of the user's own
    // choice means that this was done.
    const name = isNew ? user : await homeserver.as(user).getDisplayName()
    if (name === null || name === user) await homeserver.as(user).setDisplayName(user)
    await this.#known.add(user)
  }
}
