import { expect, it } from 'vitest'
import { chunksOf } from '../../src/lib/chunks.ts'

it.each([
  [[], []],
  [[1], [[1]]],
  [[1, 2, 3], [[1, 2, 3]]],
  [
    [1, 2, 3, 4],
    [[1, 2, 3], [4]]
  ]
])('%j in parts of three is %j', (items, parts) => {
  expect(chunksOf<number>(items, 3)).toEqual(parts)
})
