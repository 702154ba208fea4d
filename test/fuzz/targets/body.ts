import { FRIENDSHIP_CONTENT } from '../../../src/friendships/state-event.ts'
import { InputError, validatorCompiler } from '../../../src/http/input.ts'
import { LOGIN } from '../../../src/http/matrix/login.ts'
import { parseJson } from '../../../src/lib/json.ts'
import { MatrixError } from '../../../src/matrix/client/matrix-error.ts'
import { NEW_ROOM } from '../../../src/matrix/proxy/rules/create-room.ts'
import { parseBody } from '../../../src/matrix/proxy/rules/rule.ts'

const validators = [LOGIN, FRIENDSHIP_CONTENT].map(schema =>
  validatorCompiler({ schema, httpPart: 'body', method: 'POST', url: '/' })
)

/** The JSON of a request: what the schema makes of it, or a refusal in our words. */
export function fuzz(data: Buffer): void {
  let body: unknown
  try {
    body = parseJson(data)
  } catch {
    return
  }
  for (const validate of validators) {
    const { error } = validate(body) as { error?: unknown }
    if (error !== undefined && !(error instanceof InputError)) throw error
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return
  try {
    parseBody(NEW_ROOM, body as Record<string, unknown>)
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error
  }
}
