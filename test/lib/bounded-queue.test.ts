import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import { FullError } from '../../src/lib/full-error.ts'

async function drain<T>(queue: BoundedQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

describe('a bounded queue', () => {
  it('hands over everything in order, also to a slow consumer', async () => {
    const push = fc.constant('push' as const)
    const take = fc.constant('take' as const)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(push, take), { maxLength: 50 }), async steps => {
        const queue = new BoundedQueue<number>(100, () => undefined)
        const taken: Promise<IteratorResult<number>>[] = []
        let pushed = 0
        let waiting = 0
        for (const step of steps) {
          if (step === 'push') queue.push(pushed++)
          else if (waiting <= pushed) taken.push(queue.next())
          waiting = taken.length
        }
        queue.end()
        const results = [...(await Promise.all(taken)).flatMap(r => (r.done ? [] : [r.value])), ...(await drain(queue))]
        expect(results).toEqual([...Array(pushed).keys()])
      })
    )
  })

  it('holds no more than its bound, and says so when it ends', async () => {
    let ends = 0
    const queue = new BoundedQueue<number>(3, () => ends++)
    for (let item = 0; item < 10_000; item += 1) queue.push(item)
    await expect(queue.next()).rejects.toEqual(new FullError('Too many items wait'))
    expect(await queue.next()).toEqual({ done: true, value: undefined })
    expect(ends).toBe(1)
  })

  it('ends a consumer that waits, in good order or with an error', async () => {
    const inGoodOrder = new BoundedQueue<number>(3, () => undefined)
    const last = inGoodOrder.next()
    inGoodOrder.end()
    expect(await last).toEqual({ done: true, value: undefined })

    const withError = new BoundedQueue<number>(3, () => undefined)
    const failed = withError.next()
    withError.end(new Error('over'))
    await expect(failed).rejects.toThrow('over')
  })

  it('ends once, also when its consumer leaves', async () => {
    let ends = 0
    const queue = new BoundedQueue<number>(3, () => ends++)
    queue.push(1)
    for await (const _ of queue) break
    queue.end()
    expect(ends).toBe(1)
    expect(await drain(queue)).toEqual([])
  })
})
