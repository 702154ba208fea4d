import { createHash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'

/** A session as the holder of its token needs it. */
export interface TokenSession {
  readonly tokenHash: Buffer
  readonly address: Address
  readonly deviceId: string
  /** Unix milliseconds. */
  readonly expiresAt: number
}

/** Longest time for which a session is trusted without a look at the database, should a logout go unheard. */
const MAX_CACHE_MS = 60_000

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** A new opaque access token of 256 random bits. Only its hash is ever stored. */
export function createToken(): { token: string; tokenHash: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, tokenHash: hashOf(token) }
}

/** From access tokens to sessions, cached; a session that ends is forgotten at once. */
export class TokenCache<Session extends TokenSession> {
  readonly #find: (tokenHash: Buffer) => Promise<Session | null>
  readonly #cache: LRUCache<string, Session>
  #forgets = 0

  /** @param cacheSize sessions held in memory */
  constructor(find: (tokenHash: Buffer) => Promise<Session | null>, cacheSize: number) {
    this.#find = find
    this.#cache = new LRUCache({ max: cacheSize, ttl: MAX_CACHE_MS })
  }

  /** The session of a token at `now` (unix milliseconds), or null when there is none (any more). */
  async resolve(token: string, now: number): Promise<Session | null> {
    const tokenHash = hashOf(token)
    const key = tokenHash.toString('hex')
    const cached = this.#cache.get(key)
    if (cached) return cached.expiresAt > now ? cached : null
    const forgets = this.#forgets
    const session = await this.#find(tokenHash)
    // What was read before something was forgotten may be what was forgotten.
    if (session && forgets === this.#forgets) this.#cache.set(key, session)
    return session
  }

  /** Asks the database anew for every token. */
  forgetAll(): void {
    this.#forgets += 1
    this.#cache.clear()
  }

  /** @param tokenHashes hex hashes of tokens whose session ended */
  forget(tokenHashes: readonly string[]): void {
    this.#forgets += 1
    for (const key of tokenHashes) this.#cache.delete(key)
  }
}
