import type { Address } from '../domain/address.ts'
import type { LoginRequest } from './local-sessions.ts'

/** A session, as far as anyone needs it who has its token. */
export interface SessionHolder {
  /** What the session is known by: no token is ever kept or told. */
  readonly tokenHash: Buffer
  readonly address: Address
  readonly deviceId: string
}

/** Knows whose access token it is: those of this service, or those of a homeserver that checks logins itself. */
export interface Authenticator {
  /** @throws SocialError `unauthorized`; `unavailable` when nobody can tell now */
  authenticate(token: string): Promise<SessionHolder>
}

/** Logs users in and out, as the part of the Matrix client-server API has it that is served with every homeserver. */
export interface LoginSessions extends Authenticator {
  login(request: LoginRequest): Promise<{ token: string; session: SessionHolder }>
  /** Ends one session, on every instance. */
  logout(session: SessionHolder): Promise<void>
  /** Ends all sessions of a user, on every instance. */
  logoutAll(address: Address): Promise<void>
}
