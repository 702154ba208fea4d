import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, orderedPair, parseAddress, parseUserId } from '../../src/domain/address.ts'

const hex = (digits: string, length: number) =>
  fc.array(fc.constantFrom(...digits), { minLength: length, maxLength: length }).map(all => all.join(''))
const spelled = hex('0123456789abcdefABCDEF', 40).map(digits => `0x${digits}`)

describe('an address', () => {
  it('is the same address in any letter case', () => {
    fc.assert(
      fc.property(spelled, text => {
        expect(parseAddress(text)).toBe(text.toLowerCase())
        expect(parseAddress(text.replace('0x', '0X'))).toBe(text.toLowerCase())
        for (const server of ['localhost', 'social.example:8448', '[::1]', '[fd00::7]:8448']) {
          expect(parseUserId(`@${text}:${server}`)).toBe(text.toLowerCase())
        }
      })
    )
  })

  it.each([
    ['empty', ''],
    ['41 digits', `0x${'a'.repeat(41)}`],
    ['39 digits', `0x${'a'.repeat(39)}`],
    ['a NUL at the end', `0x${'a'.repeat(40)}\0`],
    ['a line end', `0x${'a'.repeat(40)}\n`],
    ['an emoji', `0x${'a'.repeat(38)}😀`],
    ['a digit that is not hex', `0x${'g'.repeat(40)}`],
    ['another kind of Matrix id', '@alice:decentraland.org'],
    ['a user of no server', `@0x${'a'.repeat(40)}:`],
    ['a room', `!0x${'a'.repeat(40)}:decentraland.org`],
    ['a number', 12],
    ['nothing', undefined]
  ])('is not %s', (_, text) => {
    expect(parseAddress(text)).toBeNull()
    expect(parseUserId(text)).toBeNull()
  })

  it('makes one pair of two, whichever is named first', () => {
    fc.assert(
      fc.property(spelled, spelled, (a, b) => {
        const [one, other] = [parseAddress(a) as Address, parseAddress(b) as Address]
        fc.pre(one !== other)
        expect(orderedPair(one, other)).toEqual(orderedPair(other, one))
        expect(orderedPair(one, other).lo < orderedPair(one, other).hi).toBe(true)
      })
    )
  })
})
