import { Authenticator } from '@dcl/crypto'
import { createUnsafeIdentity } from '@dcl/crypto/dist/crypto.js'
import { signedHeaderFactory } from 'decentraland-crypto-fetch'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuthChainVerifier } from '../../src/auth/auth-chain.ts'
import { type SignedFetch, verifySignedFetch } from '../../src/auth/signed-fetch.ts'

const MINUTE = 60_000
const SCENE = 'decentraland-kernel-scene'
const GET_ROOT = { method: 'get', path: '/' }

const verifier = new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 1_000 })
const owner = createUnsafeIdentity()
const identity = await Authenticator.initializeAuthChain(owner.address, createUnsafeIdentity(), 30, async message =>
  Authenticator.createSignature(owner, message)
)
const address = owner.address.toLowerCase()
const signHeaders = signedHeaderFactory()

type Headers = Record<string, unknown>

/** As the clients of today sign. */
function signedHeaders(metadata: object = {}, { method = 'GET', path = '/' } = {}): Headers {
  return Object.fromEntries(signHeaders(identity, method, path, metadata).entries())
}

/** The same scheme by hand, with any text as metadata: one that is signed, and one that is sent. */
function handmadeHeaders(signed: string, sent = signed, timestamp = `${Date.now()}`): Headers {
  return signedBy(['get', '/', timestamp, signed].join(':').toLowerCase(), timestamp, sent)
}

function signedBy(payload: string, timestamp: string, metadata: string): Headers {
  const links = Authenticator.signPayload(identity, payload)
  return {
    ...Object.fromEntries(links.map((link, index) => [`x-identity-auth-chain-${index}`, JSON.stringify(link)])),
    'x-identity-timestamp': timestamp,
    'x-identity-metadata': metadata
  }
}

const verify = (headers: Headers, request = GET_ROOT, now = Date.now()): Promise<SignedFetch> =>
  verifySignedFetch(headers, request, verifier, now)

const isRefused = { code: 'unauthorized' }
const isMalformed = { code: 'invalid_request' }

describe('a signed fetch', () => {
  it('says who signed, and with which key', async () => {
    const metadata = { origin: 'https://play.decentraland.org', isGuest: false, realm: { serverName: 'Hela' } }
    expect(await verify(signedHeaders(metadata))).toEqual({
      address,
      signer: identity.ephemeralIdentity.address.toLowerCase(),
      expiresAt: new Date(identity.expiration).getTime(),
      payload: expect.stringMatching(/^get:\/:\d+:\{"origin"/),
      staleAt: expect.any(Number)
    })
  })

  it('is the same with metadata that was signed as they are, and not in lower case', async () => {
    const metadata = '{"realm":"Hela"}'
    const timestamp = `${Date.now()}`
    const headers = signedBy(`get:/:${timestamp}:${metadata}`, timestamp, metadata)
    expect(await verify(headers)).toMatchObject({ address, payload: `get:/:${timestamp}:${metadata}` })
    await expect(verify({ ...headers, 'x-identity-metadata': '{"realm":"hela"}' })).rejects.toMatchObject(isRefused)
  })

  it('may be of the path that a proxy takes a part of away', async () => {
    const request = { method: 'get', path: '/v1/mutes', pathPrefix: '/social' }
    for (const path of ['/v1/mutes', '/social/v1/mutes']) {
      expect(await verify(signedHeaders({}, { path }), request)).toMatchObject({ address })
    }
    for (const path of ['/social', '/other/v1/mutes', '/social/social/v1/mutes']) {
      await expect(verify(signedHeaders({}, { path }), request)).rejects.toMatchObject(isRefused)
    }
  })

  it('is stale from when it says', async () => {
    const headers = signedHeaders()
    const { staleAt } = await verify(headers)
    await expect(verify(headers, GET_ROOT, staleAt - 1)).resolves.toMatchObject({ address })
    await expect(verify(headers, GET_ROOT, staleAt)).rejects.toMatchObject(isRefused)
  })

  it('is refused when nothing, or the empty text, was signed', async () => {
    await expect(verify(signedBy('', `${Date.now()}`, '{}'))).rejects.toMatchObject(isRefused)
  })

  it('takes header names and the method in any letter case, among other headers', async () => {
    const headers = Object.entries(signedHeaders()).map(([name, value]) => [name.toUpperCase(), value])
    const others = { host: 'localhost', 'set-cookie': ['a=b'], Cookie: undefined }
    const request = { method: 'Get', path: '/' }
    expect(await verify({ ...others, ...Object.fromEntries(headers) }, request)).toMatchObject({ address })
  })

  it('takes a path in any letter case, as it was signed', async () => {
    const path = '/v1/Friendships/Me'
    expect(await verify(signedHeaders({}, { path }), { method: 'GET', path })).toMatchObject({ address })
  })

  it.each([
    ['absent', undefined],
    ['empty', '']
  ])('takes %s metadata for none', async (_, metadata) => {
    const headers = { ...handmadeHeaders(''), 'x-identity-metadata': metadata }
    expect(await verify(headers)).toMatchObject({ address })
    await expect(verify({ ...headers, 'x-identity-metadata': '{}' })).rejects.toMatchObject(isRefused)
  })

  it('holds for five minutes either way, to the millisecond', async () => {
    const headers = signedHeaders()
    const timestamp = Number(headers['x-identity-timestamp'])
    for (const shift of [-5 * MINUTE, 0, 5 * MINUTE]) {
      await expect(verify(headers, GET_ROOT, timestamp + shift)).resolves.toMatchObject({ address })
    }
    for (const shift of [-5 * MINUTE - 1, 5 * MINUTE + 1, 24 * 60 * MINUTE, Number.NaN]) {
      await expect(verify(headers, GET_ROOT, timestamp + shift)).rejects.toMatchObject(isRefused)
    }
  })

  it('ends with its delegation', async () => {
    const now = identity.expiration.getTime()
    const headers = handmadeHeaders('{}', '{}', `${now}`)
    await expect(verify(headers, GET_ROOT, now - 1)).resolves.toMatchObject({ address })
    await expect(verify(headers, GET_ROOT, now)).rejects.toMatchObject(isRefused)
  })

  it.each([
    ['another path', { method: 'get', path: '/v1' }],
    ['another method', { method: 'post', path: '/' }]
  ])('is not good for %s', async (_, request) => {
    await expect(verify(signedHeaders(), request)).rejects.toMatchObject(isRefused)
  })

  it('is not good with other metadata or another time', async () => {
    const headers = signedHeaders({ realm: 'hela' })
    await expect(verify({ ...headers, 'x-identity-metadata': '{"realm":"thor"}' })).rejects.toMatchObject(isRefused)
    const later = `${Number(headers['x-identity-timestamp']) + 1}`
    await expect(verify({ ...headers, 'x-identity-timestamp': later })).rejects.toMatchObject(isRefused)
  })

  it('is not good with any character of its signatures changed', async () => {
    const headers = signedHeaders()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2),
        fc.nat(127),
        fc.integer({ min: 1, max: 15 }),
        async (index, at, shift) => {
          const name = `x-identity-auth-chain-${index}`
          const link = JSON.parse(String(headers[name]))
          const digit = (Number.parseInt(link.signature[2 + at], 16) + shift) % 16
          const signature = link.signature.slice(0, 2 + at) + digit.toString(16) + link.signature.slice(3 + at)
          const changed = { ...headers, [name]: JSON.stringify({ ...link, signature }) }
          await expect(verify(changed)).rejects.toMatchObject(isRefused)
        }
      ),
      { numRuns: 100 }
    )
  })
})

describe('a scene', () => {
  it.each([
    [`{"signer":"${SCENE}"}`],
    [`{"SIGNER":"${SCENE}"}`],
    [`{"Signer":"Decentraland-Kernel-Scene"}`],
    [`{"signer":"decentraland-\u212Aernel-scene"}`], // the Kelvin sign is a k in lower case
    [`{"signer":"  ${SCENE}\\t"}`],
    [`{" signer ":"${SCENE}"}`],
    [`{"signer":"\\u0064ecentraland-kernel-scene"}`],
    [`{"signer":"${SCENE}","signer":"dcl:explorer"}`],
    [`{"signer":"${SCENE}","SIGNER":"dcl:explorer"}`],
    [`{"signer":["${SCENE}"]}`]
  ])('cannot sign in by %s', async metadata => {
    const headers = handmadeHeaders(metadata)
    await expect(verify(headers)).rejects.toMatchObject({ code: 'unauthorized', message: 'Scenes cannot sign in' })
  })

  it('cannot pass off what it had signed in another letter case', async () => {
    const signed = `{"signer":"${SCENE}"}`
    await expect(verify(handmadeHeaders(signed, signed.toUpperCase()))).rejects.toMatchObject(isRefused)
    await expect(verify(signedHeaders({ signer: 'dcl:explorer' }))).resolves.toMatchObject({ address })
  })
})

describe('malformed signed-fetch headers', () => {
  const without = (name: string): Headers =>
    Object.fromEntries(Object.entries(signedHeaders()).filter(([n]) => n !== name))
  const withHeader = (name: string, value: unknown): Headers => ({ ...signedHeaders(), [name]: value })
  const link = signedHeaders()['x-identity-auth-chain-2'] as string
  const links = (count: number): Headers =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-identity-auth-chain-${index + 1}`, link]))

  it.each<[string, Headers]>([
    ['no header at all', {}],
    ['no first link', without('x-identity-auth-chain-0')],
    ['no timestamp', without('x-identity-timestamp')],
    ['a link that is no JSON', withHeader('x-identity-auth-chain-1', '{')],
    ['a link that is no link', withHeader('x-identity-auth-chain-1', '[]')],
    ['a link of unknown type', withHeader('x-identity-auth-chain-1', link.replace('ECDSA', 'OTHER'))],
    ['a link that is a list', withHeader('x-identity-auth-chain-1', [link])],
    ['an empty link', withHeader('x-identity-auth-chain-1', '')],
    ['a giant link', withHeader('x-identity-auth-chain-1', link.padEnd(16_385))],
    ['eleven links', { ...signedHeaders(), ...links(10) }],
    ['a timestamp that is a number', withHeader('x-identity-timestamp', Date.now())],
    ['a timestamp in another notation', withHeader('x-identity-timestamp', '1.7e12')],
    ['an empty timestamp', withHeader('x-identity-timestamp', '')],
    ['a giant timestamp', withHeader('x-identity-timestamp', '1'.repeat(17))],
    ['metadata that is no JSON', withHeader('x-identity-metadata', 'undefined')],
    ['metadata that is null', withHeader('x-identity-metadata', 'null')],
    ['metadata that is a list', withHeader('x-identity-metadata', '[]')],
    ['metadata that is a text', withHeader('x-identity-metadata', '"{}"')],
    ['metadata in an object', withHeader('x-identity-metadata', {})],
    ['giant metadata', withHeader('x-identity-metadata', '{}'.padEnd(4_097))],
    ['a header that comes twice', withHeader('X-Identity-Timestamp', `${Date.now()}`)]
  ])('are distinguished from a bad signature: %s', async (_, headers) => {
    await expect(verify(headers)).rejects.toMatchObject(isMalformed)
  })

  it('are refused when the last link is missing', async () => {
    await expect(verify(without('x-identity-auth-chain-2'))).rejects.toMatchObject(isRefused)
    await expect(verify(without('x-identity-auth-chain-1'))).rejects.toMatchObject(isRefused)
  })

  it('never cause anything but a typed refusal', async () => {
    const names = [
      'x-identity-auth-chain-0',
      'x-identity-auth-chain-1',
      'x-identity-timestamp',
      'x-identity-metadata',
      '__proto__'
    ]
    const anyHeaders = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.json(), fc.anything()))
    await fc.assert(
      fc.asyncProperty(anyHeaders, async headers => {
        const outcome = await verify({ ...signedHeaders(), ...headers }).catch(error => error)
        expect(outcome).toMatchObject(outcome instanceof Error ? { name: 'SocialError' } : { address })
      }),
      { numRuns: 200 }
    )
  })
})
