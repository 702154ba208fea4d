import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../env/app.ts'
import { freePort } from '../env/ports.ts'
import { Rest, startHttpServer, startService } from '../env/rest.ts'

const TOKEN = 'metrics-token'
/** Routes that are for reading the description itself. */
const UNDESCRIBED = /^(\/docs|\/openapi\.json|\*)/

let env: Env
let rest: Rest
let document: Document
beforeAll(async () => {
  env = await startService({ METRICS_TOKEN: TOKEN, HTTP_PORT: '0' })
  rest = new Rest(env.app.httpUrl)
  document = (await rest.get('/openapi.json')).body
})
afterAll(() => env.stop())

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Record<string, Schema>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}
interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security?: readonly Record<string, readonly string[]>[]
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[]
  readonly requestBody?: { readonly content: Record<string, { schema: Schema }> }
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
}
interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> }
}

const operations = (): [string, string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [path, method, operation])
  )

describe('the description', () => {
  it('is one of OpenAPI 3.1', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    expect(document.servers).toEqual([{ url: '/' }])
    expect(Object.keys(document.components.schemas).sort()).toEqual(['Error', 'MatrixError'])
    for (const [path, method, operation] of operations()) expectOperation(path, method, operation)
  })

  it('has every route that is served, and no other', async () => {
    const { text } = await rest.as(TOKEN).get('/metrics')
    const series = /^http_request_duration_seconds_count\{method="(\w+)",route="([^"]+)",code="200"\}/gm
    const served = [...text.matchAll(series)]
      .map(([, method = '', route = '']) => [method, route] as const)
      .filter(([method, route]) => method !== 'HEAD' && method !== 'other' && !UNDESCRIBED.test(route))
      .map(([method, route]) => `${method} ${route.replaceAll(/:(\w+)/g, '{$1}')}`)
    expect(served.length).toBeGreaterThan(20)
    const described = operations().map(([path, method]) => `${method.toUpperCase()} ${path}`)
    expect(described.sort()).toEqual([...new Set(served)].sort())
  })

  it('says what is asked for a token, and what is not', () => {
    const open = operations().filter(([, , { security }]) => !security)
    expect(open.map(([path, method]) => `${method} ${path}`).sort()).toEqual([
      'get /_matrix/client/r0/login',
      'get /_matrix/client/v3/login',
      'get /_matrix/client/versions',
      'get /health/live',
      'get /health/ready',
      'get /health/startup',
      'post /_matrix/client/r0/login',
      'post /_matrix/client/v3/login'
    ])
  })

  it('says that routes under /v1, and their older paths, take a signed fetch as well', () => {
    const both = operations().filter(([, , { security }]) => security?.some(scheme => 'signedFetch' in scheme))
    const ofUsers = operations().filter(
      ([path, , { tags }]) => /^\/(v1|friendships)\//.test(path) && !tags?.includes('services')
    )
    expect(both.map(([path, method]) => `${method} ${path}`)).toEqual(
      ofUsers.map(([path, method]) => `${method} ${path}`)
    )
    for (const [, , { security }] of both) expect(security).toEqual([{ accessToken: [] }, { signedFetch: [] }])
  })

  it('says which scope a key of another service needs', () => {
    const ofServices = operations().filter(([, , { tags }]) => tags?.includes('services'))
    expect(ofServices.map(([path]) => path.split('/').at(-1))).toEqual(['privacy-settings', 'relations', 'friends'])
    for (const [, , { security, description }] of ofServices) {
      expect(security).toEqual([{ apiKey: [] }])
      expect(description).toMatch(/`\w+:read`/)
    }
  })

  it('describes what really comes', async () => {
    const alice = await rest.login()
    for (const path of ['/v1/friendships/me', '/v1/friendships/me/requests', '/v1/account/config', '/v1/mutes']) {
      const pattern = path.replace('/me', '/{userId}')
      const schema = document.paths[pattern]?.['get']?.responses['200']?.content?.['application/json']?.schema
      expect(Object.keys(schema?.properties ?? {})).toEqual(Object.keys((await alice.rest.get(path)).body))
    }
    const refused = (await rest.get('/v1/friendships/me')).body
    expect(Object.keys(document.components.schemas['Error']?.properties ?? {})).toEqual(Object.keys(refused))
  })
})

function expectOperation(path: string, method: string, operation: Operation): void {
  expect([path, path.startsWith('/')]).toEqual([path, true])
  expect(['get', 'put', 'post', 'delete']).toContain(method)
  expect(operation.summary).toMatch(/\S/)
  for (const tag of operation.tags ?? ['none']) expect(document.tags.map(({ name }) => name)).toContain(tag)
  for (const scheme of operation.security?.flatMap(Object.keys) ?? []) {
    expect(document.components.securitySchemes).toHaveProperty(scheme)
  }
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
  const parameters = operation.parameters ?? []
  expect(parameters.filter(parameter => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath)
  for (const parameter of parameters) {
    if (parameter.in === 'path') expect(parameter.required).toBe(true)
    expectSchema(parameter.schema)
  }
  for (const { schema } of Object.values(operation.requestBody?.content ?? {})) expectSchema(schema)
  expect(Object.keys(operation.responses).length).toBeGreaterThan(0)
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    expect(status).toMatch(/^([1-5]\d\d|[1-5]XX|default)$/)
    expect(description).toMatch(/^(?!Default Response$)\S/)
    if (status !== '204') expect(content).toBeDefined()
    for (const { schema } of Object.values(content ?? {})) expectSchema(schema)
  }
}

function expectSchema({ $ref, type, properties, items, anyOf }: Schema): void {
  if ($ref !== undefined) expect(document.components.schemas).toHaveProperty($ref.replace('#/components/schemas/', ''))
  else if (anyOf) for (const each of anyOf) expectSchema(each)
  else expect(['string', 'integer', 'number', 'boolean', 'object', 'array', 'null']).toContain(type)
  for (const property of Object.values(properties ?? {})) expectSchema(property)
  if (type === 'array') expectSchema(items ?? {})
}

describe('what is the same for everybody', () => {
  const paths = ['/openapi.json', '/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/static/swagger-ui.css']

  it.each(paths)('is made once, and not sent again to who has it: %s', async path => {
    const app = await startHttpServer()
    const first = await app.inject(path)
    const again = await app.inject(`${path}?other`)
    expect([first.statusCode, again.statusCode]).toEqual([200, 200])
    expect(again.body).toBe(first.body)
    for (const name of ['etag', 'content-type', 'content-length', 'content-security-policy', 'cache-control']) {
      expect([name, again.headers[name]]).toEqual([name, first.headers[name]])
    }
    const etag = String(first.headers['etag'])
    const known = await app.inject({ url: path, headers: { 'if-none-match': `"other", ${etag}` } })
    expect([known.statusCode, known.body]).toEqual([304, ''])
    expect((await app.inject({ url: path, headers: { 'if-none-match': '"other"' } })).statusCode).toBe(200)
    // Over a socket: only there is the body of an answer to HEAD left out whoever sends it.
    const url = await app.listen({ host: '127.0.0.1', port: await freePort() })
    const head = await fetch(url + path, { method: 'HEAD' })
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([
      200,
      '',
      first.headers['content-length']
    ])
    await app.close()
  })

  it('does not depend on the query of who asked first', async () => {
    const app = await startHttpServer()
    const first = await app.inject('/docs/?x')
    expect(first.body).toBe((await (await startHttpServer()).inject('/docs/')).body)
    await app.close()
  })
})

describe('the page to read it on', () => {
  it.each(['/docs', '/docs/'])('needs nothing from anywhere else: %s', async path => {
    const { status, headers, text } = await rest.get(path)
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(text).not.toMatch(/https?:\/\/|[="']\/\//)
    const parts = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link)
    expect(parts.length).toBeGreaterThan(4)
    for (const part of parts) {
      const { pathname } = new URL(part, rest.url + path)
      const answer = await rest.get(pathname)
      expect([part, answer.status]).toEqual([part, 200])
      if (part.endsWith('initializer.js')) {
        expect(answer.text.replaceAll(/^ *\/\/.*$/gm, '')).not.toMatch(/https?:\/\//)
        expect(answer.text).toContain('validatorUrl: null')
      }
    }
    expect((await rest.get('/docs/json')).body).toEqual(document)
  })

  it('may load nothing else, should a part of it try to', async () => {
    for (const path of ['/docs', '/docs/', '/docs/static/swagger-ui-bundle.js']) {
      const policy = (await rest.get(path)).headers.get('content-security-policy') ?? ''
      const sources = policy.split(';').flatMap(directive => directive.trim().split(' ').slice(1))
      expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "'unsafe-inline'", 'data:']))
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self';")
    }
  })

  it('may call the service where clients reach it, which the description names', async () => {
    const app = await startHttpServer({ publicUrl: 'https://social.example/base' })
    const described = (await app.inject('/openapi.json')).json()
    expect(described.servers).toEqual([{ url: 'https://social.example/base' }])
    const policy = (await app.inject('/docs')).headers['content-security-policy']
    expect(policy).toContain("connect-src 'self' https://social.example;")
    await app.close()
  })
})
