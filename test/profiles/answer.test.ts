import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { parseAnswer } from '../../src/profiles/catalyst-answer.ts'
import { catalystProfile, NAME_COLOR, nameOf } from './catalyst-server.ts'
import { known, unknown } from './env.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

const parse = (...answer: unknown[]) => parseAnswer(answer, [alice, bob])
const parts = (avatar: object) => parse(catalystProfile(alice, avatar)).get(alice)
const picture = (face256: unknown) => parts({ avatar: { snapshots: { face256 } } })?.pictureUrl

describe('the answer of a Catalyst', () => {
  it('has name, claimed name, picture and the colour of the name', () => {
    expect(parse(catalystProfile(alice))).toEqual(new Map([[alice, known(alice)]]))
  })

  it('has the colour of a name that is not claimed too, and none that is no colour', () => {
    const color = (nameColor: unknown, hasClaimedName = true) => parts({ nameColor, hasClaimedName })?.nameColor
    expect(color({ ...NAME_COLOR, a: 1 }, false)).toEqual(NAME_COLOR)
    expect(color({ r: 0, g: 0, b: 0 })).toEqual({ r: 0, g: 0, b: 0 })
    const others = [undefined, null, 'red', [1, 1, 1], {}, { r: 1, g: 1 }, { r: 2, g: 0, b: 0 }, { r: '1', g: 0, b: 0 }]
    expect(others.map(each => color(each))).toEqual(others.map(() => null))
  })

  it('may write an address in any letter case, and in either field', () => {
    const shouted = `0x${'A'.repeat(40)}`
    expect(parts({ userId: shouted, ethAddress: shouted })?.name).toBe(nameOf(alice))
    expect(parts({ userId: shouted, ethAddress: undefined })?.name).toBe(nameOf(alice))
    expect(parts({ userId: undefined, ethAddress: shouted })?.name).toBe(nameOf(alice))
  })

  it('is taken without what is malformed in it', () => {
    const malformed = [null, 7, 'profile', [], {}, { avatars: null }, { avatars: [] }, { avatars: [null] }]
    const strangers = [catalystProfile('0xno'), catalystProfile('', { userId: 5, ethAddress: {} })]
    expect([...parse(...malformed, catalystProfile(bob), ...strangers).keys()]).toEqual([bob])
  })

  it('is taken without the parts that are malformed', () => {
    const bare = unknown(alice)
    const nameColor = 'red'
    expect(parts({ name: 5, hasClaimedName: 'yes', avatar: 'none', nameColor })).toEqual(bare)
    expect(parts({ name: null, hasClaimedName: true, avatar: { snapshots: [] }, nameColor })).toEqual(bare)
    expect(parts({ name: {}, avatar: undefined, nameColor })).toEqual(bare)
    expect(parts({ avatar: {} })?.name).toBe(nameOf(alice))
  })

  it('is ignored for users who were not requested', () => {
    expect([...parseAnswer([catalystProfile(alice), catalystProfile(bob)], [bob]).keys()]).toEqual([bob])
  })

  it('is ignored for a user whom two profiles claim to be', () => {
    const impostor = catalystProfile(alice, { name: 'Mallory' })
    expect(parse(catalystProfile(alice), catalystProfile(bob), impostor, impostor).has(alice)).toBe(false)
  })

  it('has names of a bounded length that every client can decode', () => {
    expect(parts({ name: 'x'.repeat(200) })?.name).toHaveLength(200)
    expect(parts({ name: 'x'.repeat(201) })?.name).toBe('0xaaaa…aaaa')
    expect(parts({ name: 'a\ud800b 👋' })?.name).toBe('a\ufffdb 👋')
  })

  it('falls back on the name that the user did not claim', () => {
    const unclaimed = { name: '', unclaimedName: 'Al', hasClaimedName: true }
    expect(parts(unclaimed)).toMatchObject({ name: 'Al', hasClaimedName: false })
  })

  it('has pictures at http(s) URLs of a bounded length only', () => {
    expect(picture('http://pictures.example/a.png')).toBe('http://pictures.example/a.png')
    const others = ['javascript:alert(1)', 'data:image/png;base64,AA==', 'file:///etc/passwd', 'face.png', '', 5]
    expect(others.map(picture)).toEqual(others.map(() => ''))
    const long = (length: number) => 'https://pictures.example/'.padEnd(length, 'x')
    expect(picture(long(2048))).toHaveLength(2048)
    expect(picture(long(2049))).toBe('')
    expect(picture(`https://pictures.example/${'ü'.repeat(400)}`)).toBe('')
    expect(picture('https://pictures.example/\n"<a>')).toBe('https://pictures.example/%22%3Ca%3E')
  })

  it('is an error when it is no list', () => {
    for (const answer of [null, {}, 'profiles', 5]) expect(() => parseAnswer(answer, [alice])).toThrow()
  })
})
