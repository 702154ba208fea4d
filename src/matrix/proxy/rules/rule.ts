import type { z } from 'zod'
import type { Address } from '../../../domain/address.ts'
import type { SessionHolder } from '../../../sessions/authenticator.ts'
import type { JsonObject } from '../../client/http.ts'
import { MatrixError } from '../../client/matrix-error.ts'
import type { JsonFilter } from '../json-filter.ts'
import type { Params } from '../route.ts'

/** A request that a rule decides about, of anyone. */
interface PublicCall {
  readonly params: Params
  /** Parameters of the query, as far as the route has any. */
  readonly query: URLSearchParams
  /** Empty unless the route has its body read. */
  readonly body: JsonObject
}

/** A request of a user, as a rule sees it. */
export interface RuleCall extends PublicCall {
  readonly actor: Address
  /** The actor's token of the homeserver. */
  readonly token: string
  readonly holder: SessionHolder
}

/** What is done with a request that is not refused. */
export type RuleResult =
  | {
      readonly kind: 'forward'
      /** In place of the parts of the path. */
      readonly parts?: readonly string[]
      /** In place of the body: what was checked is what goes. */
      readonly body?: JsonObject
      /** What becomes of the homeserver's answer when it is 200. */
      readonly transformResponse?: (answer: JsonObject) => JsonObject
      /**
       * What is left of the homeserver's answer when it is 200, of whatever size. Called when it has begun, so that it
       * goes by what holds then: a long poll was asked for a while ago.
       */
      readonly responseFilter?: () => JsonFilter | Promise<JsonFilter>
      /** Called once with the status of the homeserver's answer, or null when it gave none. */
      readonly onResponse?: (status: number | null) => void
      /** Called with the errcode that the homeserver refuses with. */
      readonly onRefusal?: (errcode: unknown) => void
    }
  | { readonly kind: 'answer'; readonly status: number; readonly body: JsonObject }

/** @throws MatrixError, SocialError or HomeserverError when the request is not to be carried out */
export type Rule = (call: RuleCall) => RuleResult | Promise<RuleResult>
export type PublicRule = (call: PublicCall) => RuleResult | Promise<RuleResult>

export const FORWARD: RuleResult = { kind: 'forward' }

export const answer = (body: JsonObject): RuleResult => ({ kind: 'answer', status: 200, body })

export const forbidden = (message: string): MatrixError => new MatrixError(403, 'M_FORBIDDEN', message)

/** A rule that refuses everybody. */
export const refuseAll =
  (message: string): Rule =>
  () => {
    throw forbidden(message)
  }

/** What a schema makes of a body. @throws MatrixError `M_BAD_JSON` that names the field and never shows its value */
export function parseBody<T>(schema: z.ZodType<T>, body: JsonObject): T {
  const { data, error } = schema.safeParse(body)
  if (!error) return data
  const [issue] = error.issues
  const fields = issue?.code === 'unrecognized_keys' ? issue.keys : [issue?.path.join('.') || 'body']
  const problem = issue?.code === 'unrecognized_keys' ? 'is not taken here' : 'is missing or not valid'
  throw new MatrixError(400, 'M_BAD_JSON', `\`${String(fields[0]).slice(0, 100)}\` ${problem}`)
}
