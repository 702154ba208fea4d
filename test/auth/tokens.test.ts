import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createToken, hashOfToken, TokenSeal } from '../../src/auth/tokens.ts'

const SECRET = 's'.repeat(32)
const seal = new TokenSeal(SECRET, 'test')
const context = Buffer.from('session')

test('makes access tokens of 256 random bits, of which only a hash is stored', () => {
  const { token, tokenHash } = createToken()
  expect(Buffer.from(token, 'base64url')).toHaveLength(32)
  expect(tokenHash).toEqual(hashOfToken(token))
  expect(tokenHash.toString('hex')).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
  expect(createToken().token).not.toBe(token)
})

test('what is sealed can be opened, and not be read without the key', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 8 }), fc.uint8Array(), (token, bytes) => {
      const sealed = seal.close(token, Buffer.from(bytes))
      expect(sealed.includes(token)).toBe(false)
      expect(seal.open(sealed, Buffer.from(bytes))).toBe(Buffer.from(token).toString())
    })
  )
})

test('the same token is sealed differently each time', () => {
  const sealed = Array.from({ length: 100 }, () => seal.close('token', context).toString('hex'))
  expect(new Set(sealed).size).toBe(100)
})

test('a seal opens in no other context, with no other key and for no other purpose', () => {
  const sealed = seal.close('token', context)
  expect(seal.open(sealed, Buffer.from('another'))).toBeNull()
  expect(new TokenSeal('t'.repeat(32), 'test').open(sealed, context)).toBeNull()
  expect(new TokenSeal(SECRET, 'other').open(sealed, context)).toBeNull()
  expect(new TokenSeal(SECRET, 'test').open(sealed, context)).toBe('token')
})

test('what was changed, cut short or never sealed opens as null', () => {
  const sealed = seal.close('a token of the homeserver', context)
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ change
      expect(seal.open(changed, context)).toBeNull()
      expect(seal.open(sealed.subarray(0, at), context)).toBeNull()
    })
  )
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(seal.open(Buffer.from(bytes), context)).toBeNull()
    })
  )
})
