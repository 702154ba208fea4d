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

it('counts a permit that is released twice once', () => {
  const limit = new ConcurrencyLimit({ total: 1, perKey: 1 })
  const first = limit.acquire('a')
  release(first)
  const second = limit.acquire('a')
  release(first)
  expect(limit.acquire('a')).toEqual({ reached: 'key' })
  release(second)
})
