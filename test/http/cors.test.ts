import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../env/app.ts'
import { Rest, startService } from '../env/rest.ts'

const PLAY = 'https://play.decentraland.org'
const OTHER = 'https://other.example'
const PATHS = ['/v1/friendships/me', '/_matrix/client/r0/login', '/health/live', '/nowhere']

/** What a browser asks before it lets a page send a request of its own. */
const preflight = (rest: Rest, path: string, origin: string) =>
  rest.send('OPTIONS', path, {
    headers: {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,content-type'
    }
  })

let env: Env
let rest: Rest

describe('by default', () => {
  beforeAll(async () => {
    env = await startService()
    rest = new Rest(env.app.httpUrl)
  })
  afterAll(() => env.stop())

  it.each(PATHS)('pages of every origin may call %s', async path => {
    const { status, headers, text } = await preflight(rest, path, OTHER)
    expect([status, text]).toEqual([204, ''])
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-headers')?.toLowerCase().split(', ')).toEqual(
      expect.arrayContaining([
        ...['authorization', 'content-type', 'x-requested-with'],
        ...['x-identity-auth-chain-0', 'x-identity-auth-chain-9', 'x-identity-timestamp', 'x-identity-metadata']
      ])
    )
    expect(headers.get('access-control-allow-methods')?.split(', ')).toEqual(
      expect.arrayContaining(['GET', 'POST', 'PUT', 'DELETE'])
    )
    expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0)
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })

  it.each(PATHS)('they can read the answer of %s, also when it is an error', async path => {
    const { headers } = await rest.get(path, { origin: OTHER })
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-expose-headers')).toBe('X-Request-Id, Retry-After')
  })

  it('OPTIONS without a preflight is no error', async () => {
    const { status, text } = await rest.send('OPTIONS', '/v1/friendships/me')
    expect([status, text]).toEqual([204, ''])
  })
})

describe('with a list of origins', () => {
  beforeAll(async () => {
    env = await startService({ CORS_ORIGINS: `${PLAY}, https://second.example` })
    rest = new Rest(env.app.httpUrl)
  })
  afterAll(() => env.stop())

  it.each(PATHS)('only pages of these may call %s', async path => {
    for (const origin of [PLAY, 'https://second.example']) {
      for (const { headers } of [await preflight(rest, path, origin), await rest.get(path, { origin })]) {
        expect(headers.get('access-control-allow-origin')).toBe(origin)
        expect(headers.get('vary')).toMatch(/\borigin\b/i)
      }
    }
    for (const origin of [OTHER, 'null', `${PLAY}.example`, 'http://play.decentraland.org']) {
      for (const { headers } of [await preflight(rest, path, origin), await rest.get(path, { origin })]) {
        expect(headers.get('access-control-allow-origin')).toBeNull()
        expect(headers.get('vary')).toMatch(/\borigin\b/i)
      }
    }
  })
})
