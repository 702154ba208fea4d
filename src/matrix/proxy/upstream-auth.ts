import type { MatrixSessions } from '../../sessions/appservice-sessions.ts'
import type { Authenticator, SessionHolder } from '../../sessions/authenticator.ts'
import type { HomeserverSessions } from '../../sessions/passthrough-sessions.ts'

/** Who may pass, and with which token of the homeserver. */
export interface Gate extends Authenticator {
  /** @param token as the client has it. @throws SocialError, HomeserverError */
  tokenOf(holder: SessionHolder, token: string): Promise<string>
  /**
   * Called when the homeserver does not let a token in.
   * @returns another to try with; null when the session is over
   */
  renewedTokenOf(holder: SessionHolder, refused: string): Promise<string | null>
}

/** Clients have tokens of this service, which stand for tokens of the homeserver that they never see. */
export function swappingGate(sessions: MatrixSessions): Gate {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: holder => sessions.tokenOf(holder),
    renewedTokenOf: (holder, refused) => sessions.renewedTokenOf(holder, refused)
  }
}

/** Clients have tokens of the homeserver. */
export function passingGate(sessions: HomeserverSessions): Gate {
  return {
    authenticate: token => sessions.authenticate(token),
    tokenOf: async (_, token) => token,
    renewedTokenOf: async holder => {
      sessions.ended(holder)
      return null
    }
  }
}
