import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { SessionsEnded } from '../domain/events.ts'
import type { HomeserverClient } from '../matrix/client/client.ts'
import { HomeserverError } from '../matrix/client/errors.ts'
import type { Authenticator, SessionHolder } from './authenticator.ts'

interface PassthroughSessionsDeps {
  readonly homeserver: Pick<HomeserverClient, 'whoami' | 'ids'>
  readonly bus: Bus
  /** The same on every instance, so that one can tell the others which session ended; null for a single instance. */
  readonly tokenKey: string | null
  /** Sessions held in memory. */
  readonly cacheSize: number
  /** The sessions by which streams live here, and users are online. */
  readonly live: () => readonly { readonly address: Address; readonly tokenHash: string }[]
}

/** Longest time for which a session is trusted without asking the homeserver again. */
const MAX_CACHE_MS = 30 * 60_000

/** Sessions of a homeserver that checks logins itself: whose a token is, it alone knows. */
export class PassthroughSessions implements Authenticator {
  readonly #deps: PassthroughSessionsDeps
  readonly #key: string | Buffer
  readonly #cache: LRUCache<string, SessionHolder>
  /** Tokens that the homeserver is being asked about. */
  readonly #asking = new Map<string, Promise<SessionHolder>>()
  #forgets = 0

  constructor(deps: PassthroughSessionsDeps) {
    this.#deps = deps
    this.#key = deps.tokenKey ?? randomBytes(32)
    this.#cache = new LRUCache({ max: deps.cacheSize, ttl: MAX_CACHE_MS })
    deps.bus.subscribe(event => {
      if (event.kind === 'sessions-ended') this.#ended(event)
      if (event.kind === 'messages-lost') this.#forget(() => true)
    })
  }

  async authenticate(token: string): Promise<SessionHolder> {
    const tokenHash = createHmac('sha256', this.#key).update(token).digest()
    const key = tokenHash.toString('hex')
    const cached = this.#cache.get(key)
    if (cached) return cached
    const asking = this.#asking.get(key) ?? this.#ask(token, tokenHash).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  /** Tells every instance that a session is over on the homeserver. */
  ended({ address, tokenHash }: SessionHolder): void {
    this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [tokenHash.toString('hex')] })
  }

  /** As {@link ended}, for all sessions of a user. */
  allEnded(address: Address): void {
    this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [] })
  }

  async #ask(token: string, tokenHash: Buffer): Promise<SessionHolder> {
    const forgets = this.#forgets
    const { userId, deviceId } = await this.#deps.homeserver.whoami(token).catch(asSocialError)
    const address = this.#deps.homeserver.ids.addressOf(userId)
    if (address === null) throw new SocialError('forbidden', 'This user has no Ethereum address')
    const holder = { tokenHash, address, deviceId: deviceId ?? '' }
    // What was asked before something was forgotten may be what was forgotten.
    if (forgets === this.#forgets) this.#cache.set(tokenHash.toString('hex'), holder)
    return holder
  }

  /**
   * Forgets the sessions that ended. An event that names none means all of the user: no instance knows which ones the
   * others know, so each names its own.
   */
  #ended({ address, tokenHashes }: SessionsEnded): void {
    if (tokenHashes.length > 0) {
      this.#forget(holder => tokenHashes.includes(holder.tokenHash.toString('hex')))
      return
    }
    const cached = this.#forget(holder => holder.address === address)
    const live = this.#deps.live().flatMap(session => (session.address === address ? session.tokenHash : []))
    const known = [...new Set([...cached, ...live])]
    if (known.length > 0) this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: known })
  }

  #forget(concerns: (holder: SessionHolder) => boolean): string[] {
    this.#forgets += 1
    const keys = [...this.#cache.entries()].flatMap(([key, holder]) => (concerns(holder) ? key : []))
    for (const key of keys) this.#cache.delete(key)
    return keys
  }
}

function asSocialError(error: unknown): never {
  if (!(error instanceof HomeserverError)) throw error
  if (error.kind === 'unauthorized') throw new SocialError('unauthorized', 'Invalid access token')
  if (error.kind === 'too_many_requests') {
    throw new SocialError('too_many_requests', 'Too many requests', error.retryAfterMs ?? undefined)
  }
  throw new SocialError('unavailable', 'The homeserver, which knows whose token this is, does not answer')
}
