import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pageOf } from '../../src/domain/page.ts'
import { EXPOSURES, maySee } from '../../src/domain/policy.ts'

describe('what a user exposes', () => {
  const stranger = { friends: false, friendsOfFriends: false }
  const acquainted = { friends: false, friendsOfFriends: true }
  const friend = { friends: true, friendsOfFriends: false }

  it('is seen by fewer and fewer', () => {
    const seenBy = EXPOSURES.map(level => [stranger, acquainted, friend].map(viewer => maySee(level, viewer)))
    expect(seenBy).toEqual([
      [true, true, true],
      [false, true, true],
      [false, false, true],
      [false, false, false]
    ])
  })
})

describe('a page', () => {
  const limits = { defaultLimit: 100, maxLimit: 200 }

  it('is bounded for any request', () => {
    const number = fc.option(fc.oneof(fc.double(), fc.integer()), { nil: undefined })
    fc.assert(
      fc.property(number, number, (limit, offset) => {
        const page = pageOf(limit, offset, limits)
        expect(Number.isInteger(page.limit) && page.limit >= 1 && page.limit <= 200).toBe(true)
        expect(Number.isInteger(page.offset) && page.offset >= 0 && page.offset <= 100_000).toBe(true)
      })
    )
  })

  it.each([
    [0, 100],
    [-1, 100],
    [0.5, 100],
    [2 ** 31 - 1, 200],
    [Number.NaN, 100],
    [17, 17]
  ])('of limit %d has %i items', (limit, expected) => {
    expect(pageOf(limit, 0, limits).limit).toBe(expected)
  })
})
