import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import { FullError } from '../../src/lib/full-error.ts'

type Options = ConstructorParameters<typeof BoundedQueue<number>>[0]

async function drain<T>(queue: BoundedQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

const queueOf = (limit: number, onEnd = (): void => undefined, options: Partial<Options> = {}): BoundedQueue<number> =>
  new BoundedQueue<number>({ limit, onEnd, ...options })

describe('a bounded queue', () => {
  it('hands over everything in order, also to a slow consumer', async () => {
    const push = fc.constant('push' as const)
    const take = fc.constant('take' as const)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(push, take), { maxLength: 50 }), async steps => {
        const queue = queueOf(100)
        const taken: Promise<IteratorResult<number>>[] = []
        let pushed = 0
        let waiting = 0
        for (const step of steps) {
          if (step === 'push') queue.push(pushed++)
          else if (waiting <= pushed) taken.push(queue.next())
          waiting = taken.length
          // It has one consumer, which takes what it waited for before it asks again.
          await new Promise(resolve => setImmediate(resolve))
        }
        queue.end()
        const results = [...(await Promise.all(taken)).flatMap(r => (r.done ? [] : [r.value])), ...(await drain(queue))]
        expect(results).toEqual([...Array(pushed).keys()])
      })
    )
  })

  it('holds no more than its bound, and says so when it ends', async () => {
    let ends = 0
    const queue = queueOf(3, () => ends++)
    for (let item = 0; item < 10_000; item += 1) queue.push(item)
    await expect(queue.next()).rejects.toEqual(new FullError('Too many items wait'))
    expect(await queue.next()).toEqual({ done: true, value: undefined })
    expect(ends).toBe(1)
  })

  it('ends a consumer that waits, in good order or with an error', async () => {
    const inGoodOrder = queueOf(3)
    const last = inGoodOrder.next()
    inGoodOrder.end()
    expect(await last).toEqual({ done: true, value: undefined })

    const withError = queueOf(3)
    const failed = withError.next()
    withError.end(new Error('over'))
    await expect(failed).rejects.toThrow('over')
  })

  it('ends once, also when its consumer leaves', async () => {
    let ends = 0
    const queue = queueOf(3, () => ends++)
    queue.push(1)
    for await (const _ of queue) break
    queue.end()
    expect(ends).toBe(1)
    expect(await drain(queue)).toEqual([])
  })

  it('goes on with what is left when too many wait, as far as that may wait', async () => {
    const even = (items: readonly number[]): number[] => items.filter(item => item % 2 === 0)
    const queue = queueOf(3, () => undefined, { fold: even })
    for (let item = 1; item <= 5; item += 1) queue.push(item)
    expect(queue.waiting).toEqual([2, 4, 5])
    for (const item of [6, 8]) queue.push(item)
    await expect(queue.next()).rejects.toEqual(new FullError('Too many items wait'))
  })

  it('counts items by their weight, also those that are taken', async () => {
    const folded: (readonly number[])[] = []
    const fold = (items: readonly number[]): readonly number[] => {
      folded.push(items)
      return []
    }
    const queue = queueOf(10, () => undefined, { weightOf: item => item, fold })
    for (const item of [4, 6]) queue.push(item)
    expect(await queue.next()).toEqual({ done: false, value: 4 })
    for (const item of [4, 1]) queue.push(item)
    expect(folded).toEqual([[6, 4, 1]])
    queue.push(10)
    expect(queue.takeAll()).toEqual([10])
    queue.push(10)
    expect([folded.length, queue.waiting]).toEqual([1, [10]])
  })

  it('leaves what waits to whoever takes it first, also when its consumer is about to', async () => {
    const queue = queueOf(3)
    const next = queue.next()
    queue.push(1)
    expect(queue.takeAll()).toEqual([1])
    queue.push(2)
    expect(await next).toEqual({ done: false, value: 2 })
  })

  it('calls back once when there is something to take, or nothing will come any more', () => {
    const queue = queueOf(3)
    const called: string[] = []
    queue.whenReady(() => called.push('first'))
    queue.push(1)
    queue.push(2)
    queue.whenReady(() => called.push('at once'))
    queue.takeAll()
    queue.whenReady(() => called.push('end'))
    queue.end()
    queue.whenReady(() => called.push('over'))
    expect(called).toEqual(['first', 'at once', 'end', 'over'])
  })
})
