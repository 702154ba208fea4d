import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance } from '../../src/lib/edit-distance.ts'

describe('the distance of two texts', () => {
  it.each([
    ['DATABASE_URL', 'DATABASE_URL', 0],
    ['DATABSE_URL', 'DATABASE_URL', 1],
    ['DATABASSE_URL', 'DATABASE_URL', 1],
    ['DATABASE_URI', 'DATABASE_URL', 1],
    ['DATABAES_URL', 'DATABASE_URL', 1],
    ['DTABAES_URL', 'DATABASE_URL', 2],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3]
  ])('of %s and %s is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance)
    expect(editDistance(to, from)).toBe(distance)
  })

  it('is nothing of a text to itself, and never more than the longer one has characters', () => {
    const text = fc.string({ maxLength: 20 })
    fc.assert(
      fc.property(text, text, (from, to) => {
        const distance = editDistance(from, to)
        expect(distance === 0).toBe(from === to)
        expect(distance).toBeLessThanOrEqual(Math.max(from.length, to.length))
        expect(distance).toBeGreaterThanOrEqual(Math.abs(from.length - to.length))
      })
    )
  })
})
