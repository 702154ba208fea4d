import type { OpenRequests } from '../../../sessions/open-requests.ts'
import type { PassthroughSessions } from '../../../sessions/passthrough-sessions.ts'
import type { MatrixIds } from '../../client/ids.ts'
import { answer, type PublicRule, type Rule } from './rule.ts'

interface SessionRulesDeps {
  readonly sessions: PassthroughSessions
  readonly openRequests: OpenRequests
  readonly ids: MatrixIds
}

/** Sessions of a homeserver that checks logins itself. */
export class SessionRules {
  readonly #deps: SessionRulesDeps

  constructor(deps: SessionRulesDeps) {
    this.#deps = deps
  }

  /** Says too who logged in as clients of Decentraland want to know it: by the address. */
  readonly login: PublicRule = ({ body }) => ({
    kind: 'forward',
    body,
    transformResponse: session => ({
      ...session,
      social_user_id: this.#deps.ids.addressOf(session['user_id']) ?? undefined
    })
  })

  // Not handed on, which would end with the client: one that waits for others may go away before its turn has come.
  readonly logout: Rule = async ({ holder, token }) => {
    await this.#deps.openRequests.served(token)
    await this.#deps.sessions.logout(holder, token)
    return answer({})
  }

  readonly logoutAll: Rule = async ({ holder, token }) => {
    await this.#deps.openRequests.served(token)
    await this.#deps.sessions.logoutAll(holder, token)
    return answer({})
  }
}
