import { randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { createToken, hashOfToken } from '../auth/tokens.ts'
import { type ApiKey, keyIdOf, keyText, SCOPES, type Scope } from '../domain/api-key.ts'
import { SocialError } from '../domain/errors.ts'
import type { ApiKeyStore } from '../storage/api-keys.ts'
import type { TokenHolders } from './authenticator.ts'

/** Keys that there may be: one for each service, and one more while it is replaced. */
const MAX_KEYS = 500
/** Characters of a name. */
const MAX_NAME = 100
/** How often the use of a key is written, in milliseconds. */
const USE_MS = 60_000

interface ApiKeysDeps {
  readonly store: ApiKeyStore
  /** Called when a last use could not be written. */
  readonly onError: (error: unknown) => void
}

/**
 * Which service it is, by its API key. Each request looks into the database, so that a key that is revoked, by whatever
 * process, is refused from the next request on.
 */
export class ApiKeys implements TokenHolders<ApiKey> {
  readonly #deps: ApiKeysDeps
  /** Keys that were valid of late, by their hashes. They are looked up all the same. */
  readonly #known = new LRUCache<string, true>({ max: MAX_KEYS })
  /** When the use of a key was last written by this process, by its id. */
  readonly #used = new LRUCache<string, true>({ max: MAX_KEYS, ttl: USE_MS })

  constructor(deps: ApiKeysDeps) {
    this.#deps = deps
  }

  /**
   * Makes a key.
   * @returns its text, which nobody can find out again
   * @throws SocialError `invalid_request`; `too_many_requests` when there are too many
   */
  async create(name: string, scopes: readonly string[]): Promise<{ text: string; id: string }> {
    const id = randomBytes(6).toString('hex')
    const text = keyText(id, createToken().token)
    const key = { id, keyHash: hashOfToken(text), name: withValidName(name), scopes: withValidScopes(scopes) }
    if (await this.#deps.store.create(key, MAX_KEYS)) return { text, id }
    throw new SocialError('too_many_requests', `There are ${MAX_KEYS} keys already: revoke one that is not used`)
  }

  list(): Promise<ApiKey[]> {
    return this.#deps.store.list()
  }

  /** Ends a key, on every instance. @returns the key that it was; null when there is none */
  revoke(id: string): Promise<ApiKey | null> {
    return this.#deps.store.revoke(id)
  }

  /** The key of this text, of which the use is written. @throws SocialError `unauthorized`, `unavailable` */
  async authenticate(text: string): Promise<ApiKey> {
    const id = keyIdOf(text)
    const key = id === null ? null : await this.#deps.store.find(id)
    const hash = hashOfToken(text)
    if (key === null || !timingSafeEqual(key.keyHash, hash)) {
      this.#known.delete(hash.toString('hex'))
      throw new SocialError('unauthorized', 'Invalid API key')
    }
    this.#known.set(hash.toString('hex'), true)
    this.#writeUse(key.id)
    return key
  }

  isKnown(text: string): boolean {
    return this.#known.has(hashOfToken(text).toString('hex'))
  }

  /** Nobody waits for it, and a failure is no matter: the next minute brings another. */
  #writeUse(id: string): void {
    if (this.#used.has(id)) return
    this.#used.set(id, true)
    this.#deps.store.used(id).catch(this.#deps.onError)
  }
}

function withValidName(name: string): string {
  if (name.trim() !== '' && name.length <= MAX_NAME && !/\p{C}/u.test(name)) return name.trim()
  throw new SocialError('invalid_request', `A name has 1 to ${MAX_NAME} characters that can be shown`)
}

function withValidScopes(scopes: readonly string[]): Scope[] {
  const unknown = scopes.find(scope => !(SCOPES as readonly string[]).includes(scope))
  if (unknown !== undefined || scopes.length === 0) {
    const problem = unknown === undefined ? 'A scope is missing' : `There is no scope ${JSON.stringify(unknown)}`
    throw new SocialError('invalid_request', `${problem}: the scopes are ${SCOPES.join(', ')}`)
  }
  return SCOPES.filter(scope => scopes.includes(scope))
}
