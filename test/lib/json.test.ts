import { describe, expect, it } from 'vitest'
import { parseJson } from '../../src/lib/json.ts'

describe('JSON', () => {
  it.each([
    ['as it is', '{"a":1}', { a: 1 }],
    ['after a byte order mark', '\uFEFF {"a":1}', { a: 1 }],
    ['with half a surrogate pair in an escape', '"\\ud800"', '\ud800']
  ])('is read %s', (_, text, value) => {
    expect(parseJson(Buffer.from(text))).toEqual(value)
  })

  it('is read with U+FFFD for what is no UTF-8, and refused when it is no JSON', () => {
    expect(parseJson(Buffer.from('"a\xffb"', 'latin1'))).toBe('a\ufffdb')
    for (const text of ['', '\uFEFF\uFEFF{}', '{"a":1}\0']) {
      expect(() => parseJson(Buffer.from(text))).toThrow(SyntaxError)
    }
  })
})
