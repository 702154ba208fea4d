import { expect, it } from 'vitest'
import { Batcher } from '../../src/lib/batcher.ts'

class Outage extends Error {}

/** Loads keys as themselves, each run when it is told to. */
class Desk {
  readonly runs: { readonly keys: readonly string[]; end(error?: Error): void }[] = []

  readonly batcher = new Batcher<string, string>(
    keys =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error ? reject(error) : resolve(key => `re ${key}`))
        this.runs.push({ keys, end })
      }),
    { maxBatch: 3, groupOf: key => key[0], isOutage: error => error instanceof Outage }
  )

  get asked(): readonly (readonly string[])[] {
    return this.runs.map(({ keys }) => keys)
  }

  /** The answer, or why there is none. */
  ask(key: string): Promise<string> {
    return this.batcher.load(key).catch((error: Error) => error.message)
  }

  async end(error?: Error): Promise<void> {
    this.runs.at(-1)?.end(error)
    await new Promise(resolve => setImmediate(resolve))
  }
}

it('loads at once, and what comes meanwhile together, so many at a time', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map(key => desk.ask(key)))
  expect(desk.asked).toEqual([['a']])
  await desk.end()
  expect(desk.asked).toEqual([['a'], ['b', 'c', 'd']])
  await desk.end()
  expect(desk.asked).toEqual([['a'], ['b', 'c', 'd'], ['e']])
  await desk.end()
  expect(await answers).toEqual(['re a', 're b', 're c', 're d', 're e'])
})

it('loads again when everything was loaded', async () => {
  const desk = new Desk()
  for (const key of ['a', 'b']) {
    const answer = desk.ask(key)
    await desk.end()
    expect(await answer).toBe(`re ${key}`)
  }
})

it('never puts two keys of a group into one batch, nor lets one overtake the other', async () => {
  const desk = new Desk()
  const answers = Promise.all(['x', 'a1', 'b', 'a2', 'c'].map(key => desk.ask(key)))
  await desk.end()
  await desk.end()
  await desk.end()
  expect(desk.asked).toEqual([['x'], ['a1', 'b'], ['a2', 'c']])
  await answers
})

it('fails those alone whose batch failed', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b'].map(key => desk.ask(key)))
  await desk.end(new Error('no'))
  await desk.end()
  expect(await answers).toEqual(['no', 're b'])
})

it('lets nobody wait for the next batch in an outage', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map(key => desk.ask(key)))
  await desk.end(new Outage('away'))
  expect(await answers).toEqual(Array(5).fill('away'))
  const later = desk.ask('f')
  await desk.end()
  expect(await later).toBe('re f')
})
