import type { Address } from '../domain/address.ts'

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
