import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { fixAnswers } from './fixed-answers.ts'

const INFO = {
  title: 'Social Service',
  version: '1',
  description: 'Friendships of a Decentraland world. The WebSocket RPC is described in docs/protocol.md.'
}
const TAGS = [
  { name: 'session', description: 'Logging in and out, as the Matrix client-server API has it' },
  { name: 'friendships', description: 'Who is friends with whom' },
  { name: 'account', description: 'What users decide about themselves' },
  { name: 'mutes', description: 'Whom users do not want to hear' },
  { name: 'services', description: 'For other services, with an API key (docs/operations.md)' },
  { name: 'operation', description: 'For operators' }
]

const SECURITY_SCHEMES = {
  accessToken: { type: 'http', scheme: 'bearer', description: 'The `access_token` of a login' },
  apiKey: { type: 'http', scheme: 'bearer', description: 'Made by `social-service keys create`' },
  signedFetch: {
    type: 'apiKey',
    in: 'header',
    name: 'x-identity-auth-chain-0',
    description:
      'A signed fetch (ADR-44): the links of an auth chain in `x-identity-auth-chain-0`, `-1`, …, of which the last signs ' +
      '`method:path:timestamp:metadata` in lower case; with `x-identity-timestamp` and `x-identity-metadata`'
  }
} as const

/** The description, and what the page loads. */
const FIXED = new Set([
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/json',
  '/docs/yaml',
  ...[
    'index.css',
    'swagger-ui.css',
    'swagger-ui-bundle.js',
    'swagger-ui-standalone-preset.js',
    'swagger-initializer.js',
    'favicon-16x16.png',
    'favicon-32x32.png',
    'logo.svg'
  ].map(file => `/docs/static/${file}`)
])

/** `/openapi.json`, from the schemas that validate, and `/docs`, a page to read it on, with all that it loads. */
export async function describeRoutes(app: FastifyInstance, url: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: INFO,
      servers: [{ url }],
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES }
    },
    transform: jsonSchemaTransform,
    transformObject: document => withoutInputs(jsonSchemaTransformObject(document))
  })
  await app.register(async scope => {
    fixAnswers(scope, FIXED)
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: INFO.title },
      uiConfig: { docExpansion: 'list', persistAuthorization: false },
      staticCSP: contentSecurityPolicy(url)
    })
    scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  })
}

/** Only what the service itself serves; the routes may be tried out where clients reach them. */
function contentSecurityPolicy(url: string): Record<string, string> {
  const api = URL.canParse(url) ? ` ${new URL(url).origin}` : ''
  return {
    'default-src': "'none'",
    'script-src': "'self'",
    // The page writes the colours of its icons into the elements.
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data:",
    'connect-src': `'self'${api}`,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'"
  }
}

/** Without the copies that zod makes of named schemas for input: none is used so. */
function withoutInputs<Document extends object>(document: Document): Document {
  const { components } = document as { components?: { schemas?: Record<string, unknown> } }
  const schemas = Object.entries(components?.schemas ?? {}).filter(([name]) => !name.endsWith('Input'))
  return { ...document, components: { ...components, schemas: Object.fromEntries(schemas) } }
}
