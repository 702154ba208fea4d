import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TokenSeal } from '../../src/auth/tokens.ts'

const SECRET = 's'.repeat(32)
const seal = new TokenSeal(SECRET, 'test')
const context = Buffer.from('session')

test('what is sealed is opened again, and is not to be read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 8 }), fc.uint8Array(), (token, bytes) => {
      const sealed = seal.close(token, Buffer.from(bytes))
      expect(sealed.includes(token)).toBe(false)
      expect(seal.open(sealed, Buffer.from(bytes))).toBe(Buffer.from(token).toString())
    })
  )
})

test('the same token never looks the same', () => {
  const sealed = Array.from({ length: 100 }, () => seal.close('token', context).toString('hex'))
  expect(new Set(sealed).size).toBe(100)
})

test('nothing opens elsewhere, with another key or for another purpose', () => {
  const sealed = seal.close('token', context)
  expect(seal.open(sealed, Buffer.from('another'))).toBeNull()
  expect(new TokenSeal('t'.repeat(32), 'test').open(sealed, context)).toBeNull()
  expect(new TokenSeal(SECRET, 'other').open(sealed, context)).toBeNull()
  expect(new TokenSeal(SECRET, 'test').open(sealed, context)).toBe('token')
})

test('what was changed, cut short or never sealed opens as nothing', () => {
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
