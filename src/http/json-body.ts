import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'

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
