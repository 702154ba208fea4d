import { expect, it } from 'vitest'
import { SocialError } from '../../src/domain/errors.ts'
import { Batcher } from '../../src/lib/batcher.ts'

/** Answers questions with themselves, each run when it is told to. */
class Desk {
  readonly runs: { readonly questions: readonly string[]; end(error?: Error): void }[] = []

  readonly gathered = new Batcher<string, string>(
    questions =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error ? reject(error) : resolve(question => `re ${question}`))
        this.runs.push({ questions, end })
      }),
    { atMost: 3, keyOf: question => question[0] }
  )

  get asked(): readonly (readonly string[])[] {
    return this.runs.map(({ questions }) => questions)
  }

  /** The answer, or why there is none. */
  ask(question: string): Promise<string> {
    return this.gathered.load(question).catch((error: Error) => error.message)
  }

  async end(error?: Error): Promise<void> {
    this.runs.at(-1)?.end(error)
    await new Promise(resolve => setImmediate(resolve))
  }
}

it('asks at once, and gathers what comes meanwhile, so many at a time', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map(question => desk.ask(question)))
  expect(desk.asked).toEqual([['a']])
  await desk.end()
  expect(desk.asked).toEqual([['a'], ['b', 'c', 'd']])
  await desk.end()
  expect(desk.asked).toEqual([['a'], ['b', 'c', 'd'], ['e']])
  await desk.end()
  expect(await answers).toEqual(['re a', 're b', 're c', 're d', 're e'])
})

it('asks again when all were answered', async () => {
  const desk = new Desk()
  for (const question of ['a', 'b']) {
    const answer = desk.ask(question)
    await desk.end()
    expect(await answer).toBe(`re ${question}`)
  }
})

it('never puts two of the same key into one run, nor lets one overtake the other', async () => {
  const desk = new Desk()
  const answers = Promise.all(['x', 'a1', 'b', 'a2', 'c'].map(question => desk.ask(question)))
  await desk.end()
  await desk.end()
  await desk.end()
  expect(desk.asked).toEqual([['x'], ['a1', 'b'], ['a2', 'c']])
  await answers
})

it('fails those alone whose run failed', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b'].map(question => desk.ask(question)))
  await desk.end(new Error('no'))
  await desk.end()
  expect(await answers).toEqual(['no', 're b'])
})

it('lets nobody wait for a database that is away', async () => {
  const desk = new Desk()
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map(question => desk.ask(question)))
  await desk.end(new SocialError('unavailable', 'away'))
  expect(await answers).toEqual(Array(5).fill('away'))
  const later = desk.ask('f')
  await desk.end()
  expect(await later).toBe('re f')
})
