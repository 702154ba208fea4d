import { createHmac, randomBytes } from 'node:crypto'
import type { Bus } from '../cluster/bus.ts'
import { type Address, parseUserId } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { SessionsEnded } from '../domain/events.ts'
import { TokenCache } from '../lib/token-cache.ts'
import type { HomeserverClient } from '../matrix/client/client.ts'
import { HomeserverError } from '../matrix/client/errors.ts'
import type { SessionHolder, UpstreamAuth } from './authenticator.ts'

interface PassthroughSessionsDeps {
  readonly homeserver: Pick<HomeserverClient, 'whoami' | 'logout' | 'logoutAll' | 'ids'>
  readonly bus: Bus
  /** The same on every instance, so that one can name to the others which session ended; null for a single instance. */
  readonly tokenKey: string | null
  /** Sessions held in memory. */
  readonly cacheSize: number
  /** Called for a user of the homeserver whose id is an address, and names another server than the configured one. */
  readonly onForeignUser: (userId: string) => void
  /** The sessions by which streams are open here, and users are online. */
  readonly activeSessions: () => readonly { readonly address: Address; readonly tokenHash: string }[]
}

/** Longest time for which a session is trusted without another call of the homeserver. */
const MAX_CACHE_MS = 30 * 60_000

/** Sessions of a homeserver that checks logins itself: whose a token is, it alone knows. */
export class PassthroughSessions implements UpstreamAuth {
  readonly #deps: PassthroughSessionsDeps
  readonly #key: string | Buffer
  readonly #cache: TokenCache<SessionHolder>

  constructor(deps: PassthroughSessionsDeps) {
    this.#deps = deps
    this.#key = deps.tokenKey ?? randomBytes(32)
    this.#cache = new TokenCache({ maxSize: deps.cacheSize, ttlMs: MAX_CACHE_MS })
    deps.bus.subscribe(event => {
      if (event.kind === 'sessions-ended') this.#forget(event)
      if (event.kind === 'messages-lost') this.#cache.forgetAll()
    })
  }

  async authenticate(token: string): Promise<SessionHolder> {
    const tokenHash = this.#hashOf(token)
    return this.#cache.getOrLoad(tokenHash.toString('hex'), () => this.#load(token, tokenHash))
  }

  isKnown(token: string): boolean {
    return this.#cache.get(this.#hashOf(token).toString('hex')) !== undefined
  }

  /** Clients have tokens of the homeserver itself. */
  async tokenOf(_session: SessionHolder, token: string): Promise<string> {
    return token
  }

  async renewToken(session: SessionHolder): Promise<null> {
    this.#announceEnd(session)
    return null
  }

  /** Ends a session on the homeserver, and on every instance. @throws HomeserverError */
  logout(session: SessionHolder, token: string): Promise<void> {
    return announced(this.#deps.homeserver.logout(token), () => this.#announceEnd(session))
  }

  /** As {@link logout}, for all sessions of the user. */
  logoutAll({ address }: SessionHolder, token: string): Promise<void> {
    return announced(this.#deps.homeserver.logoutAll(token), () =>
      this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [] })
    )
  }

  #announceEnd({ address, tokenHash }: SessionHolder): void {
    this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [tokenHash.toString('hex')] })
  }

  #hashOf(token: string): Buffer {
    return createHmac('sha256', this.#key).update(token).digest()
  }

  async #load(token: string, tokenHash: Buffer): Promise<SessionHolder> {
    const { userId, deviceId } = await this.#deps.homeserver.whoami(token).catch(asSocialError)
    const address = this.#deps.homeserver.ids.addressOf(userId)
    if (address === null && parseUserId(userId) !== null) this.#deps.onForeignUser(userId)
    if (address === null) throw new SocialError('forbidden', 'This user has no Ethereum address')
    return { tokenHash, address, deviceId: deviceId ?? '' }
  }

  /**
   * Forgets the sessions that ended. An event that names none means all of the user: no instance knows which ones the
   * others know, so each names its own.
   */
  #forget({ address, tokenHashes }: SessionsEnded): void {
    if (tokenHashes.length > 0) {
      this.#cache.forget(tokenHashes)
      return
    }
    const cached = this.#cache.forgetWhere(holder => holder.address === address)
    const active = this.#deps
      .activeSessions()
      .flatMap(session => (session.address === address ? session.tokenHash : []))
    const known = [...new Set([...cached, ...active])]
    if (known.length > 0) this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: known })
  }
}

/** What may have ended is announced too: without an answer nobody knows, and the next request finds out. */
async function announced(logout: Promise<void>, announce: () => void): Promise<void> {
  try {
    await logout
  } catch (error) {
    if (error instanceof HomeserverError && error.unanswered) announce()
    throw error
  }
  announce()
}

function asSocialError(error: unknown): never {
  if (!(error instanceof HomeserverError)) throw error
  if (error.kind === 'unauthorized') throw new SocialError('unauthorized', 'Invalid access token')
  if (error.kind === 'too_many_requests') {
    throw new SocialError('too_many_requests', 'Too many requests', error.retryAfterMs ?? undefined)
  }
  throw new SocialError('unavailable', 'The homeserver, which knows whose token this is, does not answer')
}
