import type { TokenSeal } from '../auth/tokens.ts'
import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { settledWithin } from '../lib/deadline.ts'
import { TokenCache } from '../lib/token-cache.ts'
import type { Accounts } from '../matrix/client/accounts.ts'
import type { HomeserverClient } from '../matrix/client/client.ts'
import { ifFailedAs } from '../matrix/client/errors.ts'
import { SERVICE_DEVICE_ID } from '../matrix/client/user.ts'
import type { MatrixSessionStore } from '../storage/matrix-sessions.ts'
import type { Session } from '../storage/sessions.ts'
import type { LoginRequest, LoginSessions, SessionHolder, UpstreamAuth } from './authenticator.ts'
import type { LocalSessions } from './local-sessions.ts'

interface AppserviceSessionsDeps {
  readonly sessions: LocalSessions
  readonly store: MatrixSessionStore
  readonly seal: TokenSeal
  readonly homeserver: Pick<HomeserverClient, 'loginAs' | 'logout'>
  readonly accounts: Accounts
  readonly bus: Bus
  /** Tokens held in memory. */
  readonly tokenCacheSize: number
  /** Called for sessions that could not be started or ended on the homeserver. */
  readonly onError: (error: unknown, what: 'start' | 'end') => void
}

/** Longest time in milliseconds for which a login or a logout waits for the homeserver; neither depends on it. */
const WAIT_MS = 3_000

/**
 * Sessions of ours, each with one of its own on the homeserver whose token never leaves the service. That one is created
 * at the login, or on first use when the homeserver was away by then; it has the same device, and ends with ours.
 */
export class AppserviceSessions implements LoginSessions, UpstreamAuth {
  readonly #deps: AppserviceSessionsDeps
  readonly #tokens: TokenCache<string>

  constructor(deps: AppserviceSessionsDeps) {
    this.#deps = deps
    this.#tokens = new TokenCache({ maxSize: deps.tokenCacheSize })
    deps.bus.subscribe(event => {
      if (event.kind === 'sessions-ended') this.#tokens.forget(event.tokenHashes)
      if (event.kind === 'messages-lost') this.#tokens.forgetAll()
    })
  }

  authenticate(token: string): Promise<SessionHolder> {
    return this.#deps.sessions.authenticate(token)
  }

  isKnown(token: string): boolean {
    return this.#deps.sessions.isKnown(token)
  }

  /** As {@link LocalSessions.login}; also succeeds while the homeserver is away. @throws also `invalid_request` */
  async login(request: LoginRequest): Promise<{ token: string; session: Session }> {
    // Its logout would take the memory of what the service has sent with it.
    if (request.deviceId === SERVICE_DEVICE_ID) throw new SocialError('invalid_request', 'This device is taken')
    const started = await this.#deps.sessions.login(request)
    const loggedIn = this.tokenOf(started.session).catch(error => this.#deps.onError(error, 'start'))
    await settledWithin(WAIT_MS, loggedIn)
    return started
  }

  /**
   * The token of the homeserver that belongs to a session of ours.
   * @throws SocialError `unauthorized` when the session is over; HomeserverError when it cannot be created now
   */
  async tokenOf(session: SessionHolder): Promise<string> {
    const key = session.tokenHash.toString('hex')
    return this.#tokens.getOrLoad(key, () => this.#load(session))
  }

  /** As {@link tokenOf}, for when the homeserver does not know `refused` (any more). */
  async renewToken(session: SessionHolder, refused: string): Promise<string> {
    const key = session.tokenHash.toString('hex')
    if (this.#tokens.get(key) === refused) this.#tokens.forget([key])
    const token = await this.tokenOf(session)
    return token === refused ? this.#tokens.load(key, () => this.#create(session)) : token
  }

  /** Ends one session, on every instance at once, and on the homeserver if it can be reached. */
  async logout(session: SessionHolder): Promise<void> {
    const sealed = await this.#deps.store.find(session.tokenHash)
    await this.#deps.sessions.logout(session)
    await this.#logoutOnHomeserver([this.#unseal(session.tokenHash, sealed)])
  }

  /** As {@link logout}, for all sessions of a user. */
  async logoutAll(address: Address): Promise<void> {
    const sessions = await this.#deps.store.all(address)
    await this.#deps.sessions.logoutAll(address)
    await this.#logoutOnHomeserver(sessions.map(({ tokenHash, sealed }) => this.#unseal(tokenHash, sealed)))
  }

  async #load(session: SessionHolder): Promise<string> {
    const { tokenHash } = session
    return this.#unseal(tokenHash, await this.#deps.store.find(tokenHash)) ?? this.#create(session)
  }

  async #create({ tokenHash, address, deviceId }: SessionHolder): Promise<string> {
    const { store, seal } = this.#deps
    const token = await this.#loginOnHomeserver(address, deviceId)
    if (await store.save(tokenHash, seal.close(token, tokenHash))) return token
    await this.#logoutOnHomeserver([token])
    throw new SocialError('unauthorized', 'The session has ended')
  }

  async #loginOnHomeserver(address: Address, deviceId: string): Promise<string> {
    const { homeserver, accounts } = this.#deps
    await accounts.ensure(address)
    const started = await ifFailedAs('not_found', null, homeserver.loginAs(address, deviceId))
    if (started) return started.token
    await accounts.forget(address)
    await accounts.ensure(address)
    return (await homeserver.loginAs(address, deviceId)).token
  }

  #unseal(tokenHash: Buffer, sealed: Buffer | null): string | null {
    return sealed && this.#deps.seal.open(sealed, tokenHash)
  }

  async #logoutOnHomeserver(tokens: readonly (string | null)[]): Promise<void> {
    const { homeserver, onError } = this.#deps
    const ends = tokens.map(token => token && homeserver.logout(token).catch(error => onError(error, 'end')))
    await settledWithin(WAIT_MS, Promise.all(ends))
  }
}
