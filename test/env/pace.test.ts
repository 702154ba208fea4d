import { describe, expect, it } from 'vitest'
import { pace, paced } from './pace.ts'
import { until } from './until.ts'

describe('the pace', () => {
  it('is at least that of an idle machine', () => {
    expect(pace()).toBeGreaterThanOrEqual(1)
    expect(paced(100)).toBeGreaterThanOrEqual(100)
  })

  it('stretches the time limits of a test file', ({ task }) => {
    expect(task.timeout).toBeGreaterThanOrEqual(300_000)
  })
})

describe('a wait', () => {
  it('ends when the condition holds', async () => {
    let looks = 0
    await until(() => ++looks === 5, 'it was looked at five times')
    expect(looks).toBe(5)
  })

  it('fails with what did not happen, after as long as the machine takes for its time', async () => {
    const from = performance.now()
    await expect(until(() => false, 'pigs fly', 50)).rejects.toThrow('It did not happen in time that pigs fly')
    expect(performance.now() - from).toBeGreaterThanOrEqual(50)
  })

  it('fails with what the condition throws', async () => {
    const broken = () => Promise.reject(new Error('It broke'))
    await expect(until(broken, 'it works')).rejects.toThrow('It broke')
  })
})
