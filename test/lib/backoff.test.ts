import fc from 'fast-check'
import { expect, it } from 'vitest'
import { backoffMs } from '../../src/lib/backoff.ts'

it('doubles the wait with each failure, up to a bound, with a jitter of half', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), failures => {
      const most = Math.min(30_000, 100 * 2 ** (failures - 1))
      const wait = backoffMs(failures, { firstMs: 100, maxMs: 30_000 })
      expect(wait).toBeGreaterThanOrEqual(most / 2)
      expect(wait).toBeLessThanOrEqual(most)
    })
  )
})
