import { expect, it } from 'vitest'
import { Multimap } from '../../src/lib/multimap.ts'

it('has a set of values for each key, and none that is empty', () => {
  const map = new Multimap<string, number>()
  map.add('a', 1)
  map.add('a', 2)
  map.add('b', 1)
  expect([[...map.get('a')], [...map.get('c')], map.values()]).toEqual([[1, 2], [], [1, 2, 1]])
  expect([map.remove('b', 1), map.remove('b', 1)]).toEqual([true, false])
  expect(map.values()).toEqual([1, 2])
})

it('has a value once, also one that is a set itself, and remembers the first of equal keys', () => {
  const map = new Multimap<string, unknown>()
  const set = new Set([1, 2])
  const keys = [map.add('a', set), map.add('a', set), map.add('a', undefined)]
  expect([keys, [...map.get('a')], map.values()]).toEqual([
    ['a', 'a', 'a'],
    [set, undefined],
    [set, undefined]
  ])
  expect([map.remove('a', 1), map.remove('a', set), [...map.get('a')]]).toEqual([false, true, [undefined]])
  expect([map.remove('a', undefined), map.get('a').size, map.values()]).toEqual([true, 0, []])
})
