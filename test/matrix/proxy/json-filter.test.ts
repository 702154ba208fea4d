import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { filterJson, type JsonFilter } from '../../../src/matrix/proxy/json-filter.ts'

/** The document after the filter, when it arrives in parts of so many bytes. */
async function filtered(text: string, filter: Partial<JsonFilter>, bytes: number): Promise<string> {
  const all = Buffer.from(text)
  async function* parts(): AsyncGenerator<Buffer> {
    for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes)
  }
  const left: Buffer[] = []
  const whole: JsonFilter = { last: null, visit: () => 'pass', replace: text => text, ...filter }
  for await (const part of filterJson(parts(), whole)) left.push(part)
  return Buffer.concat(left).toString()
}

/** Looks into everything, and filters every array. */
const everywhere = (keeps: (value: unknown) => boolean): Partial<JsonFilter> => ({
  visit: path => (path.at(-1)?.startsWith('list') ? 'filter' : 'enter'),
  replace: text => (keeps(JSON.parse(text.toString())) ? text : null)
})

describe('the filter of a document that arrives in parts', () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '\\', '\\"', '{[', ']}'))
  const document = fc.dictionary(
    fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('a"b', '\\', 'é')),
    fc.oneof(value, fc.dictionary(fc.constantFrom('list', 'list"', 'x'), fc.oneof(value, fc.array(value)))),
    { maxKeys: 5 }
  )
  const layout = fc.constantFrom<(value: unknown) => string>(
    it => JSON.stringify(it),
    it => ` ${JSON.stringify(it, null, 2)}\n`
  )

  test('leaves everything as it is that it is not to filter, wherever the parts end', async () => {
    await fc.assert(
      fc.asyncProperty(document, layout, fc.integer({ min: 1, max: 9 }), async (it, write, bytes) => {
        const text = write(it)
        expect(await filtered(text, {}, bytes)).toBe(text)
        expect(await filtered(text, { visit: () => 'enter' }, bytes)).toBe(text)
        expect(
          JSON.parse(
            await filtered(
              text,
              everywhere(() => true),
              bytes
            )
          )
        ).toEqual(JSON.parse(text))
      })
    )
  })

  test('takes out elements, and nothing else', async () => {
    const keeps = (it: unknown): boolean => typeof it !== 'number'
    /** The same, of the document as a whole. */
    const wanted = (it: unknown, key = ''): unknown => {
      if (key.startsWith('list')) return Array.isArray(it) ? it.filter(keeps) : keeps(it) ? it : null
      if (typeof it !== 'object' || it === null || Array.isArray(it)) return it
      return Object.fromEntries(Object.entries(it).map(([name, value]) => [name, wanted(value, name)]))
    }
    await fc.assert(
      fc.asyncProperty(document, layout, fc.integer({ min: 1, max: 9 }), async (it, write, bytes) => {
        const text = write(it)
        expect(JSON.parse(await filtered(text, everywhere(keeps), bytes))).toEqual(wanted(JSON.parse(text)))
      })
    )
  })

  test('filters a document that is an array, and one value in the place of another', async () => {
    const none: Partial<JsonFilter> = { visit: () => 'filter', replace: () => null }
    expect(await filtered('[1,{"a":[2]},3]', none, 2)).toBe('[]')
    const other: Partial<JsonFilter> = { visit: () => 'filter', replace: () => Buffer.from('{}') }
    expect(await filtered('{"a":[2]}', other, 2)).toBe('{}')
    expect(await filtered('[1, 2]', other, 2)).toBe('[{},{}]')
  })

  test('leaves out an element that is longer than any event, and holds none of it', async () => {
    const long = JSON.stringify('x'.repeat(2 * 1024 ** 2))
    const text = `{"list":[1,${long},2],"x":${long}}`
    expect(
      await filtered(
        text,
        everywhere(() => true),
        65_536
      )
    ).toBe(`{"list":[1,2],"x":${long}}`)
  })

  test('looks at nothing after the last member that matters', async () => {
    const text = '{"list":[1,2],"more":this is not looked at}'
    expect(await filtered(text, { ...everywhere(() => false), last: 'list' }, 5)).toBe(
      '{"list":[],"more":this is not looked at}'
    )
  })

  test.each(['{"a" 1}', '{a:1}', '{"a":{]}', `{"${'k'.repeat(10_000)}":1}`])(
    'fails for what is no JSON: %.20s',
    async text => {
      await expect(filtered(text, { visit: () => 'enter' }, 64)).rejects.toThrow()
    }
  )
})
