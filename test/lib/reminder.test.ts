import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Reminder } from '../../src/lib/reminder.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('has each thing said at once, and again after a minute', () => {
  const reminder = new Reminder<string>()
  expect([reminder.isDue('a'), reminder.isDue('a'), reminder.isDue('b')]).toEqual([true, false, true])
  vi.advanceTimersByTime(59_999)
  expect(reminder.isDue('a')).toBe(false)
  vi.advanceTimersByTime(1)
  expect([reminder.isDue('a'), reminder.isDue('a')]).toEqual([true, false])
})

it('has what is over said at once when it comes back, and knows whether it was said', () => {
  const reminder = new Reminder<string>(1_000)
  expect(reminder.end('a')).toBe(false)
  reminder.isDue('a')
  expect(reminder.end('a')).toBe(true)
  expect(reminder.isDue('a')).toBe(true)
})
