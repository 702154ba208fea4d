import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LateAnswers } from '../../../src/rpc/engine/late-answers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function start(delayMs = 1_000) {
  const given: number[] = []
  const answers = new LateAnswers({ delayMs, limit: 3 })
  return { given, answers, add: (number: number) => answers.add(number, () => given.push(number)) }
}

it('each is given after the delay, and its number is in use until then', () => {
  const { given, answers, add } = start()
  add(1)
  vi.advanceTimersByTime(600)
  add(2)
  vi.advanceTimersByTime(399)
  expect([given, answers.has(1), answers.has(2)]).toEqual([[], true, true])
  vi.advanceTimersByTime(1)
  expect([given, answers.has(1), answers.has(2)]).toEqual([[1], false, true])
  vi.advanceTimersByTime(600)
  expect([given, vi.getTimerCount()]).toEqual([[1, 2], 0])
})

it('no more wait than may, and the rest is given at once', () => {
  const { given, add } = start()
  for (let number = 1; number <= 1_000; number += 1) add(number)
  expect([given.length, vi.getTimerCount()]).toEqual([997, 1])
  vi.advanceTimersByTime(1_000)
  expect(given.slice(-3)).toEqual([1, 2, 3])
})

it('none is given that was forgotten, or whose client is gone', () => {
  const { given, answers, add } = start()
  for (const number of [1, 2, 3]) add(number)
  answers.forget(2)
  vi.advanceTimersByTime(1_000)
  add(4)
  answers.end()
  vi.advanceTimersByTime(10_000)
  expect([given, vi.getTimerCount()]).toEqual([[1, 3], 0])
})

it('without a delay all are given at once', () => {
  const { given, add } = start(0)
  add(1)
  expect([given, vi.getTimerCount()]).toEqual([[1], 0])
})
