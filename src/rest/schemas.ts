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
  .object({ errcode: z.string(), error: z.string(), retry_after_ms: z.int().optional() })
  .meta({ id: 'MatrixError' })

export const ERROR_RESPONSES = { '4xx': ERROR, '5xx': ERROR } as const
export const MATRIX_ERROR_RESPONSES = { '4xx': MATRIX_ERROR, '5xx': MATRIX_ERROR } as const

export const USER_ID_PARAM = z
  .string()
  .max(300)
  .describe('`me`, an Ethereum address in any letter case, or `@0x…:server`')

/** `limit` and `offset` of a list; numbers that make no sense are answered as if they were not there. */
export function pageQuery(maxLimit: number) {
  const number = z.coerce.number().optional().catch(undefined)
  return z.object({
    limit: number.describe(`Items of the answer, at most and by default ${maxLimit}`),
    offset: number.describe('Items to skip, at most 100000')
  })
}
