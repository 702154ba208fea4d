import { createHash, randomBytes } from 'node:crypto'
import type { AuthChainVerifier } from '../auth/auth-chain.ts'
import { createToken, hashOfToken } from '../auth/tokens.ts'
import type { Bus } from '../cluster/bus.ts'
import type { RateLimit } from '../cluster/rate-limit.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { EventLoopThrottle } from '../lib/event-loop-throttle.ts'
import { TokenCache } from '../lib/token-cache.ts'
import type { Session, SessionStore } from '../storage/sessions.ts'
import type { LoginRequest, LoginSessions, SessionHolder } from './authenticator.ts'

/** How far a login's timestamp may be from the server's clock, in milliseconds (ADR-143). */
const LOGIN_WINDOW_MS = 120_000

/** Longest time for which a session is trusted without a look at the database, should the message of a logout be lost. */
const MAX_CACHE_MS = 60_000

/** To verify a login takes half a millisecond, in which nobody else is served; everybody may come at once. */
const LOGIN_THROTTLE = { perTurn: 16, maxWaiting: 20_000 }

interface LocalSessionsDeps {
  readonly store: SessionStore
  readonly verifier: AuthChainVerifier
  readonly bus: Bus
  /** Logins from one IP address. */
  readonly limit: RateLimit
  /** Milliseconds. */
  readonly tokenLifetimeMs: number
  /** Sessions held in memory. */
  readonly tokenCacheSize: number
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Who is logged in, with which token, for how long. */
export class LocalSessions implements LoginSessions {
  readonly #deps: LocalSessionsDeps
  readonly #tokens: TokenCache<Session>
  readonly #throttle = new EventLoopThrottle(LOGIN_THROTTLE)

  constructor(deps: LocalSessionsDeps) {
    this.#deps = deps
    this.#tokens = new TokenCache({ maxSize: deps.tokenCacheSize, ttlMs: MAX_CACHE_MS })
    deps.bus.subscribe(event => {
      if (event.kind === 'sessions-ended') this.#tokens.forget(event.tokenHashes)
      if (event.kind === 'messages-lost') this.#tokens.forgetAll()
    })
  }

  /**
   * Checks a login and starts a session for it. A signature is good for one login.
   * @throws SocialError `forbidden` (stale, not the user's, used before), `unauthorized` (signatures), `unavailable`,
   *   `too_many_requests`
   */
  async login(request: LoginRequest): Promise<{ token: string; session: Session }> {
    await this.#deps.limit.take(request.addressGroup)
    await this.#throttle.next()
    return this.#login(request)
  }

  /** The session of an access token. @throws SocialError `unauthorized` */
  async authenticate(token: string): Promise<Session> {
    const { store, now } = this.#deps
    const tokenHash = hashOfToken(token)
    const session = await this.#tokens.getOrLoad(tokenHash.toString('hex'), () => store.find(tokenHash, now()))
    if (!session || session.expiresAt <= now()) throw new SocialError('unauthorized', 'Invalid access token')
    return session
  }

  isKnown(token: string): boolean {
    return this.#tokens.get(hashOfToken(token).toString('hex')) !== undefined
  }

  /** Ends one session, on every instance. */
  async logout(session: SessionHolder): Promise<void> {
    await this.#deps.store.end(session.tokenHash)
    this.#announceEnd(session.address, [session.tokenHash])
  }

  /** Ends all sessions of a user, on every instance. */
  async logoutAll(address: Address): Promise<void> {
    this.#announceEnd(address, await this.#deps.store.endAll(address))
    // Sockets that opened with a signature have no token.
    this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [] })
  }

  /** Announces the end of those of these sessions that are over: the message that said so may be lost. */
  async revalidate(sessions: readonly { readonly address: Address; readonly tokenHash: string }[]): Promise<void> {
    const owners = new Map(sessions.map(({ address, tokenHash }) => [tokenHash, address]))
    const hashes = Array.from(owners.keys(), tokenHash => Buffer.from(tokenHash, 'hex'))
    const alive = new Set(await this.#deps.store.alive(hashes))
    for (const [tokenHash, address] of owners) {
      if (!alive.has(tokenHash)) this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes: [tokenHash] })
    }
  }

  /** Deletes some of what expired. */
  sweep(): Promise<void> {
    return this.#deps.store.sweep()
  }

  async #login({
    user,
    timestamp,
    authChain,
    deviceId,
    addressGroup
  }: LoginRequest): Promise<{ token: string; session: Session }> {
    const { store, verifier, tokenLifetimeMs } = this.#deps
    const now = this.#deps.now()
    const signedAt = Number(timestamp)
    if (Math.abs(now - signedAt) > LOGIN_WINDOW_MS) throw new SocialError('forbidden', 'The timestamp is not current')
    const { owner, signer, expiresAt } = await verifier.verify(authChain, timestamp, now, addressGroup)
    if (owner !== user) throw new SocialError('forbidden', 'The auth chain is not of this user')

    const { token, tokenHash } = createToken()
    const session = {
      tokenHash,
      address: owner,
      deviceId: deviceId ?? randomBytes(8).toString('hex').toUpperCase(),
      createdAt: now,
      // No longer than the key may speak for the user that signed the login.
      expiresAt: Math.min(now + tokenLifetimeMs, expiresAt ?? Number.POSITIVE_INFINITY)
    }
    const proof = {
      // Not of the signature, which anyone can respell: (r, s, v) is as good as (r, n - s, the other v).
      id: createHash('sha256').update(`${owner}:${signer}:${timestamp}`).digest(),
      // For longer than the login is current: the clock that this is swept by may be ahead.
      expiresAt: signedAt + 2 * LOGIN_WINDOW_MS
    }
    let ended: readonly Buffer[] | null = null
    // It is known from now on: who logs in comes with the token next.
    await this.#tokens.load(tokenHash.toString('hex'), async () => {
      ended = await store.start(session, proof)
      return ended && session
    })
    if (!ended) throw new SocialError('forbidden', 'This signature was used before')
    this.#announceEnd(owner, ended)
    return { token, session }
  }

  #announceEnd(address: Address, ended: readonly Buffer[]): void {
    if (ended.length === 0) return
    const tokenHashes = ended.map(hash => hash.toString('hex'))
    this.#deps.bus.publish({ kind: 'sessions-ended', address, tokenHashes })
  }
}
