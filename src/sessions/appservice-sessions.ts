import { setTimeout as wait } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { TokenSeal } from '../auth/token-seal.ts'
import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { Accounts } from '../matrix/client/accounts.ts'
import type { HomeserverClient } from '../matrix/client/client.ts'
import { ifFailedAs } from '../matrix/client/errors.ts'
import { SERVICE_DEVICE_ID } from '../matrix/client/user.ts'
import type { MatrixSessionStore } from '../storage/matrix-sessions.ts'
import type { LoginSessions, SessionHolder } from './authenticator.ts'
import type { LocalSessions, LoginRequest, Session } from './local-sessions.ts'

interface AppserviceSessionsDeps {
  readonly sessions: LocalSessions
  readonly store: MatrixSessionStore
  readonly seal: TokenSeal
  readonly homeserver: Pick<HomeserverClient, 'loginAs' | 'logout'>
  readonly accounts: Accounts
  readonly bus: Bus
  /** Tokens held in memory. */
  readonly tokenCacheSize: number
  /** Told of sessions that could not be started or ended on the homeserver. */
  readonly onError: (error: unknown, what: 'start' | 'end') => void
}

/** Longest time in milliseconds for which a login or a logout waits for the homeserver; neither depends on it. */
const WAIT_MS = 3_000

/**
 * Sessions of ours, each with one of its own on the homeserver whose token never leaves the service. That one is made
 * at the login, or on first use when the homeserver was away by then; it has the same device, and ends with ours.
 */
export class AppserviceSessions implements LoginSessions {
  readonly #deps: AppserviceSessionsDeps
  readonly #tokens: LRUCache<string, string>
  /** Sessions that are being found or made, so that each is made once. */
  readonly #opening = new Map<string, Promise<string>>()
  #forgets = 0

  constructor(deps: AppserviceSessionsDeps) {
    this.#deps = deps
    this.#tokens = new LRUCache({ max: deps.tokenCacheSize })
    deps.bus.subscribe(event => {
      if (event.kind === 'sessions-ended') this.#forget(event.tokenHashes)
      if (event.kind === 'messages-lost') this.#forgetAll()
    })
  }

  authenticate(token: string): Promise<SessionHolder> {
    return this.#deps.sessions.authenticate(token)
  }

  /** As {@link LocalSessions.login}; also succeeds while the homeserver is away. @throws also `invalid_request` */
  async login(request: LoginRequest): Promise<{ token: string; session: Session }> {
    // Its logout would take the memory of what the service has sent with it.
    if (request.deviceId === SERVICE_DEVICE_ID) throw new SocialError('invalid_request', 'This device is taken')
    const started = await this.#deps.sessions.login(request)
    const opened = this.tokenOf(started.session).catch(error => this.#deps.onError(error, 'start'))
    await settledWithin(WAIT_MS, opened)
    return started
  }

  /**
   * The token of the homeserver that belongs to a session of ours.
   * @throws SocialError `unauthorized` when the session is over; HomeserverError when it cannot be made now
   */
  async tokenOf(session: SessionHolder): Promise<string> {
    const key = session.tokenHash.toString('hex')
    return this.#tokens.get(key) ?? this.#once(key, () => this.#find(session))
  }

  /** As {@link tokenOf}, for when the homeserver does not know `refused` (any more). */
  async renewedTokenOf(session: SessionHolder, refused: string): Promise<string> {
    const key = session.tokenHash.toString('hex')
    if (this.#tokens.get(key) === refused) this.#tokens.delete(key)
    const token = await this.tokenOf(session)
    return token === refused ? this.#once(key, () => this.#make(session)) : token
  }

  /** Ends one session, on every instance at once, and on the homeserver if it can be reached. */
  async logout(session: SessionHolder): Promise<void> {
    const sealed = await this.#deps.store.find(session.tokenHash)
    await this.#deps.sessions.logout(session)
    await this.#endOnHomeserver([this.#opened(session.tokenHash, sealed)])
  }

  /** As {@link logout}, for all sessions of a user. */
  async logoutAll(address: Address): Promise<void> {
    const sessions = await this.#deps.store.all(address)
    await this.#deps.sessions.logoutAll(address)
    await this.#endOnHomeserver(sessions.map(({ tokenHash, sealed }) => this.#opened(tokenHash, sealed)))
  }

  #once(key: string, open: () => Promise<string>): Promise<string> {
    const opening = this.#opening.get(key) ?? this.#remember(key, open).finally(() => this.#opening.delete(key))
    this.#opening.set(key, opening)
    return opening
  }

  async #remember(key: string, open: () => Promise<string>): Promise<string> {
    const forgets = this.#forgets
    const token = await open()
    // What was read before something was forgotten may be what was forgotten.
    if (forgets === this.#forgets) this.#tokens.set(key, token)
    return token
  }

  async #find(session: SessionHolder): Promise<string> {
    const { tokenHash } = session
    return this.#opened(tokenHash, await this.#deps.store.find(tokenHash)) ?? this.#make(session)
  }

  async #make({ tokenHash, address, deviceId }: SessionHolder): Promise<string> {
    const { store, seal } = this.#deps
    const token = await this.#start(address, deviceId)
    if (await store.save(tokenHash, seal.close(token, tokenHash))) return token
    await this.#endOnHomeserver([token])
    throw new SocialError('unauthorized', 'The session has ended')
  }

  async #start(address: Address, deviceId: string): Promise<string> {
    const { homeserver, accounts } = this.#deps
    await accounts.ensure(address)
    const started = await ifFailedAs('not_found', null, homeserver.loginAs(address, deviceId))
    if (started) return started.token
    await accounts.forget(address)
    await accounts.ensure(address)
    return (await homeserver.loginAs(address, deviceId)).token
  }

  #opened(tokenHash: Buffer, sealed: Buffer | null): string | null {
    return sealed && this.#deps.seal.open(sealed, tokenHash)
  }

  async #endOnHomeserver(tokens: readonly (string | null)[]): Promise<void> {
    const { homeserver, onError } = this.#deps
    const ends = tokens.map(token => token && homeserver.logout(token).catch(error => onError(error, 'end')))
    await settledWithin(WAIT_MS, Promise.all(ends))
  }

  #forget(tokenHashes: readonly string[]): void {
    this.#forgets += 1
    for (const key of tokenHashes) this.#tokens.delete(key)
  }

  #forgetAll(): void {
    this.#forgets += 1
    this.#tokens.clear()
  }
}

async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, wait(ms, undefined, { ref: false })])
}
