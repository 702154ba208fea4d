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
