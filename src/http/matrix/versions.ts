import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { EMPTY_OBJECT, matrixAnswers } from '../schemas.ts'

const MATRIX_VERSIONS = ['r0.6.1', 'v1.1', 'v1.2', 'v1.3', 'v1.4', 'v1.5', 'v1.6']
const VERSIONS = z.object({ versions: z.array(z.string()), unstable_features: EMPTY_OBJECT })

/** What is spoken where there is no homeserver to say it. */
export const versionRoutes: FastifyPluginAsyncZod = async app => {
  const response = matrixAnswers('What is spoken here', VERSIONS)
  const summary = 'Versions of the Matrix client-server API'
  app.get('/_matrix/client/versions', { schema: { summary, tags: ['session'], response } }, async () => ({
    versions: MATRIX_VERSIONS,
    unstable_features: {}
  }))
}
