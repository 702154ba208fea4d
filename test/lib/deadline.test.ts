import { expect, it } from 'vitest'
import { Deadline, settledWithin } from '../../src/lib/deadline.ts'

const never = new Promise<never>(() => undefined)

it('waits for work until the deadline, and no longer', async () => {
  const deadline = new Deadline(30)
  expect(await deadline.settled(Promise.resolve())).toBe(true)
  expect(await deadline.settled(Promise.reject(new Error('no')))).toBe(true)
  expect(await deadline.settled(never)).toBe(false)
  expect([deadline.isPast, deadline.leftMs]).toEqual([true, 0])
})

it('shares one span among several waits', async () => {
  const startedAt = performance.now()
  const deadline = new Deadline(40)
  await deadline.settled(never)
  await deadline.settled(never)
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(38)
  expect(await settledWithin(0, never)).toBe(false)
})
