import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'
import type { HomeserverClient } from './client.ts'

/** Users who are known to be ready, in memory. */
const CACHE_SIZE = 100_000

/** The accounts of users on the homeserver, who may never have been there themselves. */
export class Accounts {
  readonly #homeserver: Pick<HomeserverClient, 'as' | 'register'>
  readonly #ready = new LRUCache<Address, Promise<void>>({ max: CACHE_SIZE })

  constructor(homeserver: Pick<HomeserverClient, 'as' | 'register'>) {
    this.#homeserver = homeserver
  }

  /** Makes sure that the user has an account, and is in the user directory. @throws HomeserverError */
  ensure(user: Address): Promise<void> {
    const known = this.#ready.get(user)
    if (known) return known
    const making = this.#make(user)
    this.#ready.set(user, making)
    making.catch(() => this.forget(user))
    return making
  }

  /** For when the homeserver does not know the user after all. */
  forget(user: Address): void {
    this.#ready.delete(user)
  }

  async #make(user: Address): Promise<void> {
    const homeserver = this.#homeserver
    await homeserver.register(user)
    // A new account is called by its address and is in no directory until somebody says so: a name of the user's own
    // choice means that this was done.
    const name = await homeserver.as(user).getDisplayName()
    if (name === null || name === user) await homeserver.as(user).setDisplayName(user)
  }
}
