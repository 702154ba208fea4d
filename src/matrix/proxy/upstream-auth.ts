import type { AppserviceSessions } from '../../sessions/appservice-sessions.ts'
import type { Authenticator, SessionHolder } from '../../sessions/authenticator.ts'
import type { PassthroughSessions } from '../../sessions/passthrough-sessions.ts'

/** Who may send requests to the homeserver, and with which token of it. */
export interface UpstreamAuth extends Authenticator {
  /** @param token as the client has it. @throws SocialError, HomeserverError */
  tokenOf(holder: SessionHolder, token: string): Promise<string>
  /**
   * Called when the homeserver does not let a token in.
   * @returns another to try with; null when the session is over
   */
  renewToken(holder: SessionHolder, refused: string): Promise<string | null>
}

/** Clients have tokens of this service, which stand for tokens of the homeserver that they never see. */
export function appserviceAuth(sessions: AppserviceSessions): UpstreamAuth {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: holder => sessions.tokenOf(holder),
    renewToken: (holder, refused) => sessions.renewToken(holder, refused)
  }
}

/** Clients have tokens of the homeserver. */
export function passthroughAuth(sessions: PassthroughSessions): UpstreamAuth {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: async (_, token) => token,
    renewToken: async holder => {
      sessions.announceEnd(holder)
      return null
    }
  }
}
