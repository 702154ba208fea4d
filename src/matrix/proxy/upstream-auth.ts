import type { AppserviceSessions } from '../../sessions/appservice-sessions.ts'
import type { Authenticator, SessionHolder } from '../../sessions/authenticator.ts'
import type { PassthroughSessions } from '../../sessions/passthrough-sessions.ts'

/** Who may pass, and with which token of the homeserver. */
export interface UpstreamAuth extends Authenticator {
  /** @param token as the client has it. @throws SocialError, HomeserverError */
  tokenOf(holder: SessionHolder, token: string): Promise<string>
  /**
   * Called when the homeserver does not let a token in.
   * @returns another to try with; null when the session is over
   */
  renewedTokenOf(holder: SessionHolder, refused: string): Promise<string | null>
}

/** Clients have tokens of this service, which stand for tokens of the homeserver that they never see. */
export function swappingAuth(sessions: AppserviceSessions): UpstreamAuth {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: holder => sessions.tokenOf(holder),
    renewedTokenOf: (holder, refused) => sessions.renewedTokenOf(holder, refused)
  }
}

/** Clients have tokens of the homeserver. */
export function passingAuth(sessions: PassthroughSessions): UpstreamAuth {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: async (_, token) => token,
    renewedTokenOf: async holder => {
      sessions.ended(holder)
      return null
    }
  }
}
