import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { TimerWheel } from '../../src/lib/timer-wheel.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('gives each member a turn once in a period, spread over its steps', () => {
  const turns: string[] = []
  const wheel = new TimerWheel<string>(200, member => turns.push(member))
  for (const member of 'abcd') wheel.join(member)
  vi.advanceTimersByTime(50)
  expect(turns).toEqual(['a'])
  vi.advanceTimersByTime(150)
  expect(turns.join('')).toBe('abcd')
  vi.advanceTimersByTime(200)
  expect(turns.join('')).toBe('abcdabcd')
})

it('runs its timer only while it has a member', () => {
  const wheel = new TimerWheel<string>(200, () => undefined)
  const leave = wheel.join('a')
  expect(vi.getTimerCount()).toBe(1)
  leave()
  leave()
  expect(vi.getTimerCount()).toBe(0)
})
