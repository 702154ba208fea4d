import { expect, it } from 'vitest'
import { type Acquired, ConcurrencyLimit } from '../../src/lib/concurrency-limit.ts'

const release = (acquired: Acquired): void => {
  if ('release' in acquired) acquired.release()
}

it('limits what runs at the same time, in all and of one key, and says which limit is reached', () => {
  const limit = new ConcurrencyLimit({ total: 3, perKey: 2 })
  const permits = [limit.acquire('a'), limit.acquire('a')]
  expect(limit.acquire('a')).toEqual({ reached: 'key' })
  permits.push(limit.acquire('b'))
  expect(limit.acquire('c')).toEqual({ reached: 'total' })
  for (const one of permits) release(one)
  expect(limit.acquire('a')).toHaveProperty('release')
})

it('lets a key have more once, and says whether it would', () => {
  const limit = new ConcurrencyLimit({ total: 3, perKey: 1 })
  const first = limit.acquire('a')
  expect([limit.hasRoom('a'), limit.hasRoom('a', 1, 1), limit.hasRoom('b')]).toEqual([false, true, true])
  const second = limit.acquire('a', 1, 1)
  expect(limit.acquire('a', 1, 1)).toEqual({ reached: 'key' })
  release(first)
  expect(limit.acquire('a')).toEqual({ reached: 'key' })
  release(second)
  expect(limit.acquire('a')).toHaveProperty('release')
  expect([limit.hasRoom('b', 2), limit.hasRoom('b', 3, 3)]).toEqual([false, false])
})

it('counts a permit that is released twice once', () => {
  const limit = new ConcurrencyLimit({ total: 1, perKey: 1 })
  const first = limit.acquire('a')
  release(first)
  const second = limit.acquire('a')
  release(first)
  expect(limit.acquire('a')).toEqual({ reached: 'key' })
  release(second)
})
