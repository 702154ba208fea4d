import { describe, expect, test } from 'vitest'
import { fitting, fittingBoth } from '../../src/domain/page.ts'

const size = (item: string): number => item.length

describe('a page that ends by its bytes', () => {
  test('has the first items that fit together', () => {
    expect(fitting(['aa', 'bbb', 'c', 'd'], size, 6)).toEqual(['aa', 'bbb', 'c'])
    expect(fitting(['aa', 'bbb', 'cc', 'd'], size, 6)).toEqual(['aa', 'bbb'])
    expect(fitting(['aa'], size, 2)).toEqual(['aa'])
    expect(fitting([], size, 2)).toEqual([])
  })

  test('has one item in any case, so that the next page is another', () => {
    expect(fitting(['aaaa', 'b'], size, 3)).toEqual(['aaaa'])
  })
})

describe('two lists in one answer', () => {
  const both = (first: string, second: string, maxBytes: number): string[] =>
    fittingBoth([[...first], [...second]], size, maxBytes).map(items => items.join(''))

  test('are whole when they fit together', () => {
    expect(both('abc', '1234', 7)).toEqual(['abc', '1234'])
  })

  test('have half of the bytes each when both are long', () => {
    expect(both('abcdefgh', '12345678', 8)).toEqual(['abcd', '1234'])
  })

  test('have what the other leaves', () => {
    expect(both('ab', '12345678', 8)).toEqual(['ab', '123456'])
    expect(both('abcdefgh', '', 8)).toEqual(['abcdefgh', ''])
    expect(both('abcdefghij', '1', 8)).toEqual(['abcdefg', '1'])
  })
})
