import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RateBudget } from '../../src/lib/rate-budget.ts'

function clocked(options: { burst: number; perSecond: number; maxKeys?: number }) {
  const clock = { now: 0 }
  return { clock, budget: new RateBudget({ maxKeys: 100, ...options, now: () => clock.now }) }
}

it('lets a burst pass, and then asks to wait for what is overdrawn', () => {
  const { budget, clock } = clocked({ burst: 10, perSecond: 5 })
  expect(Array.from({ length: 10 }, () => budget.spend('a')).every(wait => wait === 0)).toBe(true)
  expect(budget.spend('a')).toBe(200)
  expect(budget.spend('a', 4)).toBe(1000)
  expect(budget.isLevel('a')).toBe(false)
  clock.now += 1000
  expect(budget.isLevel('a')).toBe(true)
})

it('counts each key apart', () => {
  const { budget } = clocked({ burst: 1, perSecond: 1 })
  budget.spend('a', 5)
  expect(budget.spend('b')).toBe(0)
})

it('remembers a bounded number of keys', () => {
  const { budget } = clocked({ burst: 1, perSecond: 1, maxKeys: 2 })
  for (const key of ['a', 'b', 'c']) budget.spend(key, 5)
  expect(budget.isLevel('a')).toBe(true)
  expect(budget.isLevel('c')).toBe(false)
})

it('never lets more pass than the burst and what came back since', () => {
  const step = fc.record({ afterMs: fc.integer({ min: 0, max: 2_000 }), amount: fc.integer({ min: 1, max: 5 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const { budget, clock } = clocked({ burst: 10, perSecond: 3 })
      let passed = 0
      for (const { afterMs, amount } of steps) {
        clock.now += afterMs
        if (budget.isLevel('a') && budget.spend('a', amount) === 0) passed += amount
      }
      expect(passed).toBeLessThanOrEqual(10 + (clock.now / 1000) * 3)
    })
  )
})
