import { expect, it } from 'vitest'
import { Batcher } from '../../src/lib/batcher.ts'

class Outage extends Error {}

/** A batcher whose batches end when the test says so. */
class Loads {
  readonly batches: { readonly keys: readonly string[]; end(error?: Error): void }[] = []

  readonly batcher = new Batcher<string, string>(
    keys =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error ? reject(error) : resolve(key => `re ${key}`))
        this.batches.push({ keys, end })
      }),
    { maxBatch: 3, groupOf: key => key[0], isOutage: error => error instanceof Outage }
  )

  get keys(): readonly (readonly string[])[] {
    return this.batches.map(({ keys }) => keys)
  }

  /** The value, or the message of the error. */
  load(key: string): Promise<string> {
    return this.batcher.load(key).catch((error: Error) => error.message)
  }

  async end(error?: Error): Promise<void> {
    this.batches.at(-1)?.end(error)
    await new Promise(resolve => setImmediate(resolve))
  }
}

it('loads a key at once, and the keys that come meanwhile together, so many at a time', async () => {
  const loads = new Loads()
  const values = Promise.all(['a', 'b', 'c', 'd', 'e'].map(key => loads.load(key)))
  expect(loads.keys).toEqual([['a']])
  await loads.end()
  expect(loads.keys).toEqual([['a'], ['b', 'c', 'd']])
  await loads.end()
  expect(loads.keys).toEqual([['a'], ['b', 'c', 'd'], ['e']])
  await loads.end()
  expect(await values).toEqual(['re a', 're b', 're c', 're d', 're e'])
})

it('loads again when everything was loaded', async () => {
  const loads = new Loads()
  for (const key of ['a', 'b']) {
    const value = loads.load(key)
    await loads.end()
    expect(await value).toBe(`re ${key}`)
  }
})

it('never puts two keys of a group into one batch, nor lets one overtake the other', async () => {
  const loads = new Loads()
  const values = Promise.all(['x', 'a1', 'b', 'a2', 'c'].map(key => loads.load(key)))
  await loads.end()
  await loads.end()
  await loads.end()
  expect(loads.keys).toEqual([['x'], ['a1', 'b'], ['a2', 'c']])
  await values
})

it('fails the keys of a batch that failed, and no others', async () => {
  const loads = new Loads()
  const values = Promise.all(['a', 'b'].map(key => loads.load(key)))
  await loads.end(new Error('no'))
  await loads.end()
  expect(await values).toEqual(['no', 're b'])
})

it('fails all that wait at once in an outage', async () => {
  const loads = new Loads()
  const values = Promise.all(['a', 'b', 'c', 'd', 'e'].map(key => loads.load(key)))
  await loads.end(new Outage('away'))
  expect(await values).toEqual(Array(5).fill('away'))
  const later = loads.load('f')
  await loads.end()
  expect(await later).toBe('re f')
})

it('loads the keys of a turn of the event loop together, and so many batches at a time, when told to', async () => {
  const batches: { readonly keys: readonly string[]; end(): void }[] = []
  const batcher = new Batcher<string, string>(
    keys => new Promise(resolve => batches.push({ keys, end: () => resolve(key => `re ${key}`) })),
    { maxBatch: 2, atOnce: 2 }
  )
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  const keysOf = (): readonly (readonly string[])[] => batches.map(({ keys }) => keys)
  const values = Promise.all(['a', 'b', 'c'].map(key => batcher.load(key)))
  expect(keysOf()).toEqual([])
  await turn()
  expect(keysOf()).toEqual([['a', 'b'], ['c']])
  const later = Promise.all(['d', 'e'].map(key => batcher.load(key)))
  await turn()
  expect(keysOf()).toHaveLength(2)
  batches[1]?.end()
  await turn()
  expect(keysOf()).toEqual([['a', 'b'], ['c'], ['d', 'e']])
  for (const { end } of batches) end()
  expect(await values).toEqual(['re a', 're b', 're c'])
  expect(await later).toEqual(['re d', 're e'])
})
