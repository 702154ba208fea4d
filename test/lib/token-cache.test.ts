import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { createToken, TokenCache, type TokenSession } from '../../src/lib/token-cache.ts'

const address = `0x${'a'.repeat(40)}` as Address
const session = (tokenHash: Buffer): TokenSession => ({ tokenHash, address, deviceId: 'D', expiresAt: 1000 })

describe('access tokens', () => {
  it('are 256 random bits, of which only a hash is kept', () => {
    const { token, tokenHash } = createToken()
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(tokenHash.toString('hex')).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
    expect(createToken().token).not.toBe(token)
  })

  it('are looked up once, until they are forgotten', async () => {
    const { token, tokenHash } = createToken()
    let lookups = 0
    const tokens = new TokenCache(async hash => (++lookups < 3 ? session(hash) : null), 10)
    expect((await tokens.resolve(token, 0))?.address).toBe(address)
    await tokens.resolve(token, 0)
    expect(lookups).toBe(1)
    tokens.forget([tokenHash.toString('hex')])
    await tokens.resolve(token, 0)
    expect(lookups).toBe(2)
  })

  it('are not good any more when they expire, though they are cached', async () => {
    const { token } = createToken()
    const tokens = new TokenCache(async hash => session(hash), 10)
    expect(await tokens.resolve(token, 999)).not.toBeNull()
    expect(await tokens.resolve(token, 1000)).toBeNull()
  })

  it('are not cached when they are forgotten while they are looked up', async () => {
    const { token, tokenHash } = createToken()
    const gate = resolvers()
    let stored: TokenSession | null = session(tokenHash)
    const tokens = new TokenCache(async () => {
      const found = stored
      await gate.promise
      return found
    }, 10)
    const early = tokens.resolve(token, 0)
    stored = null
    tokens.forget([tokenHash.toString('hex')])
    gate.resolve(undefined)
    await early
    expect(await tokens.resolve(token, 0)).toBeNull()
  })
})

function resolvers() {
  let resolve: (value: unknown) => void = () => undefined
  const promise = new Promise(done => {
    resolve = done
  })
  return { promise, resolve }
}
