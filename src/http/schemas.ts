import { z } from 'zod'

/** The body of an error under `/v1`. */
const ERROR = z
  .object({
    code: z.int().describe('The HTTP status'),
    error: z.string().describe('The name of the status'),
    message: z.string().describe('What went wrong, for a person')
  })
  .meta({ id: 'Error' })

/** The body of an error under `/_matrix`, as the Matrix client-server API has it. */
const MATRIX_ERROR = z
  .object({
    errcode: z.string().describe('What went wrong, for a program'),
    error: z.string().describe('What went wrong, for a person'),
    retry_after_ms: z.int().optional().describe('When to try again, at the earliest')
  })
  .meta({ id: 'MatrixError' })

const REFUSALS = {
  '4xx': content('Refused', ERROR),
  '5xx': content('Not done, by no fault of the request', ERROR)
}

/** What a route under `/v1` answers. */
export const answers = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  200: content(description, schema),
  ...REFUSALS
})

/** As {@link answers}, of a route that has nothing to say. */
export const NO_CONTENT = { 204: z.null().describe('Done'), ...REFUSALS }

/** What a route under `/_matrix` answers. */
export const matrixAnswers = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  200: content(description, schema),
  '4xx': content('Refused', MATRIX_ERROR),
  '5xx': content('Not done, by no fault of the request', MATRIX_ERROR)
})

/** For every route that needs a token. */
export const WITH_TOKEN = { security: [{ accessToken: [] }] } as const

/** For every route that a user calls with a token, or signs. */
export const AS_USER = { security: [{ accessToken: [] }, { signedFetch: [] }] } as const

/** The answer of Matrix routes that have nothing to say. */
export const EMPTY_OBJECT = z.object({})

export const USER_ID_PARAM = z
  .string()
  .max(300)
  .describe('`me`, an Ethereum address in any letter case, or `@0x…:server`')

/** `limit` and `offset` of a list; numbers that make no sense are answered as if they were not there. */
export function pageQuery(maxLimit: number, defaultLimit = maxLimit) {
  const number = z.coerce.number().optional().catch(undefined)
  return z.object({
    limit: number.describe(`Items of the answer, at most ${maxLimit}, by default ${defaultLimit}`),
    offset: number.describe('Items to skip, at most 100000')
  })
}

export function content<Schema extends z.ZodType>(description: string, schema: Schema, type = 'application/json') {
  return { description, content: { [type]: { schema } } }
}
