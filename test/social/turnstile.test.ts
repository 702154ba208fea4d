import { expect, it } from 'vitest'
import { Turnstile } from '../../src/social/turnstile.ts'

/** Works that end when they are told to, and which of them have begun. */
class Works {
  readonly begun: string[] = []
  readonly #ends = new Map<string, (error?: Error) => void>()
  readonly #turnstile: Turnstile

  constructor(options: ConstructorParameters<typeof Turnstile>[0]) {
    this.#turnstile = new Turnstile(options)
  }

  /** What came of it, or why nothing. */
  start(name: string): Promise<string> {
    const work = (): Promise<string> => {
      this.begun.push(name)
      return new Promise((resolve, reject) => {
        this.#ends.set(name, error => (error ? reject(error) : resolve(`did ${name}`)))
      })
    }
    return this.#turnstile.pass(work).catch((error: Error) => error.message)
  }

  async end(name: string, error?: Error): Promise<void> {
    this.#ends.get(name)?.(error)
    await new Promise(resolve => setImmediate(resolve))
  }
}

it('lets so many in at a time, and the others in the order in which they came', async () => {
  const works = new Works({ atOnce: 2, waiting: 10 })
  const all = Promise.all(['a', 'b', 'c', 'd'].map(name => works.start(name)))
  expect(works.begun).toEqual(['a', 'b'])
  await works.end('b')
  expect(works.begun).toEqual(['a', 'b', 'c'])
  await works.end('a', new Error('a failed'))
  expect(works.begun).toEqual(['a', 'b', 'c', 'd'])
  await works.end('c')
  await works.end('d')
  expect(await all).toEqual(['a failed', 'did b', 'did c', 'did d'])
  void works.start('e')
  void works.start('f')
  void works.start('g')
  expect(works.begun).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

it('refuses whoever finds the line full', async () => {
  const works = new Works({ atOnce: 1, waiting: 1 })
  void works.start('a')
  void works.start('b')
  expect(await works.start('c')).toContain('try again')
  expect(works.begun).toEqual(['a'])
})
