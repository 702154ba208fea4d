import type { FastifySchemaCompiler } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ZodType } from 'zod'
import type { $ZodIssue } from 'zod/v4/core'

/** Input of the wrong shape. The text names the field and what it must be, in our words and never with its value. */
export class InputError extends Error {
  override readonly name = 'InputError'
  readonly errcode: string

  constructor(message: string, errcode: string) {
    super(message)
    this.errcode = errcode
  }
}

/** Checks what comes in with the schema of its route, and hands on what the schema makes of it. */
export const validatorCompiler: FastifySchemaCompiler<ZodType> = ({ schema, httpPart }) => {
  const isBody = httpPart === 'body'
  return data => {
    const result = schema.safeParse(data, { reportInput: true })
    return result.success ? { value: result.data } : { error: inputError(result.error.issues[0], isBody) }
  }
}

/**
 * Reads every body of this scope as JSON, whatever its `Content-Type` says, and takes one that is empty for none: the
 * Matrix client-server API asks clients for neither (section "API standards").
 */
export function readAnyBodyAsJson(app: Parameters<FastifyPluginAsyncZod>[0]): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, text: string, done) => {
    if (text === '') done(null, undefined)
    else parse(request, text, done)
  })
}

function inputError(issue: $ZodIssue | undefined, isBody: boolean): InputError {
  const path = issue?.path.join('.') ?? ''
  const subject = path === '' ? 'The body' : `\`${path}\``
  // Fastify hands on a body that is not there as null.
  if (path === '' && (issue?.input ?? null) === null) return new InputError('The body is empty', 'M_NOT_JSON')
  if (issue?.input === undefined) return new InputError(`${subject} is missing`, 'M_MISSING_PARAM')
  return new InputError(`${subject} ${demandOf(issue)}`, isBody ? 'M_BAD_JSON' : 'M_INVALID_PARAM')
}

function demandOf(issue: $ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be of type ${issue.expected}`
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`
    case 'too_big':
      return 'is too long'
    case 'too_small':
      return 'is too short'
    default:
      return 'is not valid'
  }
}
