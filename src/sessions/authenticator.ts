import type { AuthChain } from '../auth/auth-chain.ts'
import type { Address } from '../domain/address.ts'

/** A session, as far as anyone needs it who has its token. */
export interface SessionHolder {
  /** What the session is known by: no token is ever stored or sent. */
  readonly tokenHash: Buffer
  readonly address: Address
  readonly deviceId: string
}

/** Knows who holds a token. */
export interface TokenHolders<Holder> {
  /** @throws SocialError `unauthorized`; `unavailable` when that cannot be found out now */
  authenticate(token: string): Promise<Holder>
  /** Whether a token was found to be valid of late: its holder is not to suffer from what others of their address try. */
  isKnown(token: string): boolean
}

/** Knows whose access token it is: those of this service, or those of a homeserver that checks logins itself. */
export type Authenticator = TokenHolders<SessionHolder>

/** Also knows with which token of the homeserver a request of a user goes on. */
export interface UpstreamAuth extends Authenticator {
  /** @param token as the client has it. @throws SocialError, HomeserverError */
  tokenOf(session: SessionHolder, token: string): Promise<string>
  /**
   * Called when the homeserver does not accept a token.
   * @returns another to try with; null when the session is over
   */
  renewToken(session: SessionHolder, refused: string): Promise<string | null>
}

/** What a client shows to log in: a chain of signatures whose last one signs the timestamp. */
export interface LoginRequest {
  readonly user: Address
  /** Unix milliseconds in decimal digits: the very text that was signed. */
  readonly timestamp: string
  readonly authChain: AuthChain
  /** The device that logs in; a new one when null. */
  readonly deviceId: string | null
  /** What limits of addresses count as one client: the address that it comes from, or the network that this is in. */
  readonly addressGroup: string
}

/** Logs users in and out, as the part of the Matrix client-server API has it that is served with every homeserver. */
export interface LoginSessions extends Authenticator {
  login(request: LoginRequest): Promise<{ token: string; session: SessionHolder }>
  /** Ends one session, on every instance. */
  logout(session: SessionHolder): Promise<void>
  /** Ends all sessions of a user, on every instance. */
  logoutAll(address: Address): Promise<void>
}
