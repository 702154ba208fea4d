import { expect, it } from 'vitest'
import { AgingSet } from '../../src/lib/aging-set.ts'

function pass(set: AgingSet<string>, ticks: number): string[] {
  const old: string[] = []
  for (let tick = 0; tick < ticks; tick += 1) {
    set.tick()
    old.push(...set.takeOld(10))
  }
  return old
}

it('lets go of what was not touched for so many ticks, the oldest first', () => {
  const set = new AgingSet<string>(3)
  set.touch('a')
  set.touch('b')
  expect(pass(set, 2)).toEqual([])
  set.touch('a')
  set.touch('c')
  expect(pass(set, 1)).toEqual(['b'])
  expect([...set]).toEqual(['a', 'c'])
  expect(pass(set, 2)).toEqual(['a', 'c'])
  expect(set.size).toBe(0)
})

it('lets go of no more at a time than is wanted', () => {
  const set = new AgingSet<string>(1)
  for (const item of 'abc') set.touch(item)
  set.tick()
  expect(set.takeOld(2)).toEqual(['a', 'b'])
  expect(set.takeOld(2)).toEqual(['c'])
})

it('makes everything young again, in the order that it had', () => {
  const set = new AgingSet<string>(2)
  set.touch('a')
  set.tick()
  set.touch('b')
  expect([set.ageOf('a'), set.ageOf('b'), set.ageOf('c')]).toEqual([1, 0, 0])
  set.rejuvenate()
  expect(pass(set, 1)).toEqual([])
  expect(pass(set, 1)).toEqual(['a', 'b'])
})

it('says whether there was something to take out', () => {
  const set = new AgingSet<string>(2)
  set.touch('a')
  expect([set.delete('a'), set.delete('a'), set.has('a')]).toEqual([true, false, false])
})
