import { describe, expect, it } from 'vitest'
import { TokenCache } from '../../src/lib/token-cache.ts'

interface Value {
  readonly name: string
}

function countedLoad(name: string | null): {
  readonly load: () => Promise<Value | null>
  readonly count: () => number
} {
  let count = 0
  const load = async (): Promise<Value | null> => {
    count += 1
    return name === null ? null : { name }
  }
  return { load, count: () => count }
}

describe('a token cache', () => {
  it('loads a token once, until it is forgotten', async () => {
    const cache = new TokenCache<Value>({ maxSize: 10 })
    const { load, count } = countedLoad('a')
    const both = await Promise.all([cache.getOrLoad('1', load), cache.getOrLoad('1', load)])
    expect([...both, await cache.getOrLoad('1', load)].map(it => it?.name)).toEqual(['a', 'a', 'a'])
    expect(count()).toBe(1)
    cache.forget(['1'])
    await cache.getOrLoad('1', load)
    expect(count()).toBe(2)
  })

  it('caches nothing of a token that is not known', async () => {
    const cache = new TokenCache<Value>({ maxSize: 10 })
    const { load, count } = countedLoad(null)
    expect(await cache.getOrLoad('1', load)).toBeNull()
    expect(await cache.getOrLoad('1', load)).toBeNull()
    expect(count()).toBe(2)
  })

  it('forgets what a predicate matches, and says which', async () => {
    const cache = new TokenCache<Value>({ maxSize: 10 })
    for (const name of ['a', 'b']) await cache.getOrLoad(name, countedLoad(name).load)
    expect(cache.forgetWhere(({ name }) => name === 'a')).toEqual(['a'])
    expect([cache.get('a'), cache.get('b')?.name]).toEqual([undefined, 'b'])
    cache.forgetAll()
    expect(cache.get('b')).toBeUndefined()
  })

  it('neither caches nor shares what was being loaded while something was forgotten', async () => {
    const cache = new TokenCache<Value>({ maxSize: 10 })
    let finish: (value: Value) => void = () => undefined
    const early = cache.getOrLoad('1', () => new Promise<Value>(resolve => (finish = resolve)))
    cache.forget(['1'])
    const late = cache.getOrLoad('1', countedLoad('new').load)
    finish({ name: 'old' })
    expect([(await early).name, (await late)?.name]).toEqual(['old', 'new'])
    expect(cache.get('1')?.name).toBe('new')
  })
})
