import type { PassthroughSessions } from '../../../sessions/passthrough-sessions.ts'
import type { MatrixIds } from '../../client/ids.ts'
import type { PublicRule, Rule } from './rule.ts'

/** Sessions of a homeserver that checks logins itself. */
export class SessionRules {
  readonly #sessions: PassthroughSessions
  readonly #ids: MatrixIds

  constructor(sessions: PassthroughSessions, ids: MatrixIds) {
    this.#sessions = sessions
    this.#ids = ids
  }

  /** Says too who logged in as clients of Decentraland want to know it: by the address. */
  readonly login: PublicRule = ({ body }) => ({
    kind: 'forward',
    body,
    transformResponse: session => ({ ...session, social_user_id: this.#ids.addressOf(session['user_id']) ?? undefined })
  })

  readonly logout: Rule = ({ holder }) => ({
    kind: 'forward',
    onResponse: status => {
      if (mayBeOver(status)) this.#sessions.announceEnd(holder)
    }
  })

  readonly logoutAll: Rule = ({ holder }) => ({
    kind: 'forward',
    onResponse: status => {
      if (mayBeOver(status)) this.#sessions.announceEndOfAll(holder.address)
    }
  })
}

/** Without an answer nobody knows: then the next request finds out at the homeserver. */
function mayBeOver(status: number | null): boolean {
  return status === null || status === 200 || status === 401
}
