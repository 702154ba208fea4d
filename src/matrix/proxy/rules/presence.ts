import { z } from 'zod'
import type { MatrixIds } from '../../client/ids.ts'
import type { Policy } from './policy.ts'
import { checked, FORWARD, forbidden, type Rule } from './rule.ts'

const STATUS = z.object({
  presence: z.enum(['online', 'unavailable', 'offline']),
  // It goes to everybody who shares a room with the user.
  status_msg: z.string().max(1000).nullish()
})

/** Whose presence can be set and seen. */
export class PresenceRules {
  readonly #ids: MatrixIds
  readonly #policy: Policy

  constructor(ids: MatrixIds, policy: Policy) {
    this.#ids = ids
    this.#policy = policy
  }

  readonly set: Rule = ({ actor, params, body }) => {
    if (params.userId !== this.#ids.userId(actor)) throw forbidden('This presence is not yours to set')
    return { kind: 'forward', body: checked(STATUS, body) }
  }

  readonly see: Rule = async ({ actor, params }) => {
    const other = this.#ids.addressOf(params.userId)
    if (other !== null && other !== actor) await this.#policy.checkContact(actor, other)
    return FORWARD
  }
}
