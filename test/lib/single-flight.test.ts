import { expect, it } from 'vitest'
import { SingleFlight, shared } from '../../src/lib/single-flight.ts'

it('runs work once for all callers of a key while it is under way, and anew after that', async () => {
  const flights = new SingleFlight<string, number>()
  let runs = 0
  const work = async (): Promise<number> => {
    runs += 1
    return runs
  }
  expect(await Promise.all([flights.run('a', work), flights.run('a', work), flights.run('b', work)])).toEqual([1, 1, 2])
  expect(await flights.run('a', work)).toBe(3)
})

it('fails all callers of a run that fails, and caches nothing of it', async () => {
  let runs = 0
  const run = shared(async () => {
    runs += 1
    if (runs === 1) throw new Error('no')
    return runs
  })
  const both = await Promise.allSettled([run(), run()])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await run()).toBe(2)
})
