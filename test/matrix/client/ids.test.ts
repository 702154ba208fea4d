import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, orderedPair, parseAddress } from '../../../src/domain/address.ts'
import { MatrixIds } from '../../../src/matrix/client/ids.ts'

const anyAddress = fc
  .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 })
  .map(digits => parseAddress(`0x${digits}`) as Address)
const anyPair = fc.tuple(anyAddress, anyAddress).filter(([a, b]) => a !== b)
const anyServer = fc.constantFrom('localhost', 'decentraland.org', 'synapse.example.org:8448', '[::1]:8448')

const ids = new MatrixIds('decentraland.org')
const a = parseAddress(`0x${'a'.repeat(40)}`) as Address
const b = parseAddress(`0x${'b'.repeat(40)}`) as Address

/** The same text in other letter cases. */
const respelled = (text: string, flips: readonly boolean[]): string =>
  [...text].map((letter, i) => (flips[i % flips.length] ? letter.toUpperCase() : letter)).join('')

const anyFlips = fc.array(fc.boolean(), { minLength: 1, maxLength: 42 })

describe('user ids', () => {
  test('are the address and the configured server', () => {
    expect(ids.userId(a)).toBe(`@0x${'a'.repeat(40)}:decentraland.org`)
  })

  test('lead back to the address in every letter case of its digits', () => {
    fc.assert(
      fc.property(anyAddress, anyServer, anyFlips, (address, server, flips) => {
        const digits = respelled(address.slice(2), flips)
        expect(new MatrixIds(server).addressOf(`@0x${digits}:${server}`)).toBe(address)
      })
    )
  })

  test.each([
    ['another server', `@${a}:decentraland.zone`],
    ['a server that ends alike', `@${a}:xdecentraland.org`],
    ['a server that begins alike', `@${a}:decentraland.org.evil.com`],
    ['a port that is not configured', `@${a}:decentraland.org:8448`],
    ['a server in another letter case', `@${a}:Decentraland.org`],
    ['no server', `@${a}`],
    ['no sigil', `${a}:decentraland.org`],
    ['the sigil of an alias', `#${a}:decentraland.org`],
    ['a digit too many', `@${a}0:decentraland.org`],
    ['a digit too few', `@${a.slice(0, -1)}:decentraland.org`],
    ['a user of another kind', '@alice:decentraland.org'],
    ['nothing in front of the server', '@:decentraland.org'],
    ['the sigil alone', '@'],
    ['a space', `@${a}:decentraland.org `],
    ['a line break', `@${a}\n:decentraland.org`],
    ['a NUL', `@${a}\0:decentraland.org`],
    ['the empty text', ''],
    ['no text', null],
    ['an object', { toString: () => `@${a}:decentraland.org` }]
  ])('with %s are nobody of ours', (_, userId) => {
    expect(ids.addressOf(userId)).toBeNull()
  })

  test('of any text never throw', () => {
    fc.assert(fc.property(fc.anything(), userId => void ids.addressOf(userId)))
  })
})

describe('aliases of pairs', () => {
  test('name the lesser address first, in either order', () => {
    const alias = `#${a}+${b}:decentraland.org`
    expect(ids.pairAlias(orderedPair(a, b))).toBe(alias)
    expect(ids.pairAlias(orderedPair(b, a))).toBe(alias)
    expect(ids.pairAliasName(orderedPair(b, a))).toBe(`${a}+${b}`)
  })

  test('lead back to the pair in every letter case and order', () => {
    fc.assert(
      fc.property(anyPair, anyServer, anyFlips, fc.boolean(), ([x, y], server, flips, swap) => {
        const [first, second] = swap ? [y, x] : [x, y]
        const name = respelled(`${first}+${second}`, flips).replaceAll('X', 'x')
        const of = new MatrixIds(server)
        expect(of.pairOf(`#${name}:${server}`)).toEqual(orderedPair(x, y))
        expect(of.pairOfName(name)).toEqual(orderedPair(x, y))
      })
    )
  })

  test.each([
    ['of another server', `#${a}+${b}:decentraland.zone`],
    ['of one user', `#${a}:decentraland.org`],
    ['of a user with themselves', `#${a}+${a}:decentraland.org`],
    ['of a user with themselves in another letter case', `#${a}+0x${'A'.repeat(40)}:decentraland.org`],
    ['of three users', `#${a}+${b}+${a}:decentraland.org`],
    ['with something in front', `#x${a}+${b}:decentraland.org`],
    ['with something behind', `#${a}+${b}x:decentraland.org`],
    ['with a line break behind', `#${a}+${b}\n:decentraland.org`],
    ['with another separator', `#${a}-${b}:decentraland.org`],
    ['without a sigil', `${a}+${b}:decentraland.org`],
    ['of a channel', '#lobby:decentraland.org'],
    ['that are no text', 7]
  ])('%s are none', (_, alias) => {
    expect(ids.pairOf(alias)).toBeNull()
  })
})
