import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { NEGATIVE_TTL_MS, TTL_MS } from '../../src/profiles/profiles.ts'
import { until } from '../env/until.ts'
import { catalystProfile, nameOf, profilesText } from './catalyst-server.ts'
import { isKnown, known, namesOf, profilesEnv, unknown, user, users } from './env.ts'

const env = profilesEnv()

describe('profiles', () => {
  it('are found, or empty for who has none', async () => {
    const [alice, bob] = [user(1), user(2)]
    env.catalyst.onCall = () => [catalystProfile(bob)]
    expect(await env.open().of([alice, bob, alice])).toEqual(
      new Map([
        [alice, unknown(alice)],
        [bob, known(bob)]
      ])
    )
    expect(env.catalyst.calls).toEqual([[alice, bob]])
  })

  it('are empty at once without a Catalyst', async () => {
    const profiles = env.open({ url: null })
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect((await profiles.of([])).size).toBe(0)
    expect(env.catalyst.calls).toEqual([])
  })

  it('are taken under the address that was requested, and for nobody else', async () => {
    const [alice, bob] = [`0x${'a'.repeat(40)}`, `0x${'b'.repeat(40)}`] as [Address, Address]
    env.catalyst.onCall = () => [catalystProfile(`0x${'A'.repeat(40)}`, { name: 'Alice' }), catalystProfile(bob)]
    const profiles = env.open()
    expect([...(await profiles.of([alice])).values()].map(({ address, name }) => [address, name])).toEqual([
      [alice, 'Alice']
    ])
    await profiles.one(bob)
    expect(env.catalyst.calls).toEqual([[alice], [bob]])
  })
})

describe('calls to the Catalyst', () => {
  it('are shared by requests of the same moment', async () => {
    const profiles = env.open()
    await Promise.all([profiles.of([user(1), user(2)]), profiles.of([user(2), user(3)]), profiles.one(user(4))])
    expect(env.catalyst.calls).toEqual([users(4)])
  })

  it('are not made for users whose profile is on its way', async () => {
    let release = (): void => undefined
    env.catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const profiles = env.open()
    const first = profiles.one(user(1))
    await until(() => env.catalyst.calls.length === 1, 'the call is under way')
    const second = profiles.one(user(1))
    release()
    expect(await Promise.all([first, second])).toEqual([known(user(1)), known(user(1))])
    expect(env.catalyst.calls).toHaveLength(1)
  })

  it('are bounded in size, in number at a time, and in number that wait', async () => {
    const working = env.catalyst.onCall
    const held: (() => void)[] = []
    env.catalyst.onCall = (ids, response) => void held.push(() => response.end(profilesText(ids)))
    const waiting = env.open().of(users(6_000))
    await until(() => held.length === 4, 'calls are under way')
    env.catalyst.onCall = working
    for (const release of held) release()
    const found = await waiting
    const named = [...found.values()].filter(isKnown)
    expect([found.size, named.length]).toEqual([6_000, 5_000])
    expect(env.catalyst.calls.map(ids => ids.length)).toEqual(Array.from({ length: 50 }, () => 100))
    expect(env.catalyst.mostAtOnce).toBe(4)
  })

  it('are counted, as are requests', async () => {
    const seen: unknown[] = []
    const profiles = env.open({
      observer: {
        requested: (known, missing) => seen.push([known, missing]),
        callEnded: (outcome, durationMs) => seen.push([outcome, durationMs > 0])
      }
    })
    await profiles.of(users(2))
    await profiles.of(users(3))
    env.catalyst.onCall = () => 'nonsense'
    await profiles.one(user(4))
    expect(seen).toEqual([
      [0, 2],
      ['answered', true],
      [2, 1],
      ['answered', true],
      [0, 1],
      ['failed', true]
    ])
  })
})

describe('the cache of profiles', () => {
  it('answers until a profile is old, and then at once what it had while it fetches anew', async () => {
    const profiles = env.open()
    await profiles.one(user(1))
    env.clock += TTL_MS - 1
    await profiles.one(user(1))
    expect(env.catalyst.calls).toHaveLength(1)
    env.clock += 1
    env.catalyst.onCall = ids => ids.map(id => catalystProfile(id, { name: 'new' }))
    expect((await profiles.one(user(1))).name).toBe(nameOf(user(1)))
    await until(async () => (await profiles.one(user(1))).name === 'new', 'the new name is known')
    expect(env.catalyst.calls).toHaveLength(2)
  })

  it('does not wait for a Catalyst that hangs while what it has is old', async () => {
    const profiles = env.open()
    await profiles.one(user(1))
    env.clock += TTL_MS
    env.catalyst.onCall = () => undefined
    expect(await namesOf(profiles, users(1))).toEqual([nameOf(user(1))])
    await until(() => env.catalyst.calls.length === 2, 'it is asked for behind the request')
    expect(await namesOf(profiles, users(1))).toEqual([nameOf(user(1))])
    expect(env.catalyst.calls).toHaveLength(2)
  })

  it('remembers for a while that a user has no profile', async () => {
    const profiles = env.open()
    const working = env.catalyst.onCall
    env.catalyst.onCall = () => []
    await profiles.one(user(1))
    env.catalyst.onCall = working
    env.clock += NEGATIVE_TTL_MS - 1
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect(env.catalyst.calls).toHaveLength(1)
    env.clock += 1
    await until(async () => isKnown(await profiles.one(user(1))), 'the new profile is known')
    expect(env.catalyst.calls).toHaveLength(2)
  })

  it('keeps a profile that a later answer leaves out', async () => {
    const profiles = env.open()
    await profiles.one(user(1))
    env.clock += TTL_MS
    env.catalyst.onCall = () => []
    await profiles.one(user(1))
    await until(() => env.catalyst.calls.length === 2, 'the empty answer is given')
    await profiles.one(user(2))
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
    expect(env.catalyst.calls).toHaveLength(3)
  })

  it('stays within its bound, and drops what was not used for longest', async () => {
    const profiles = env.open({ cacheSize: 100 })
    for (let first = 1; first <= 10_000; first += 1_000) {
      const found = await profiles.of(users(1_000, first))
      expect([...found.values()].every(isKnown)).toBe(true)
    }
    env.catalyst.calls.length = 0
    await profiles.of(users(100, 9_901))
    expect(env.catalyst.calls).toEqual([])
    await profiles.of(users(5_000))
    expect(env.catalyst.calls.flat()).toHaveLength(5_000)
  })
})

describe('requests for profiles', () => {
  it('leave no timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const profiles = env.open()
    const before = timers()
    for (const address of users(50)) await profiles.one(address)
    expect(timers() - before).toBeLessThan(10)
  })
})

describe('the end of profiles', () => {
  it('ends calls and what waits, and no call follows', async () => {
    env.catalyst.onCall = () => undefined
    const profiles = env.open()
    const waiting = profiles.of(users(450))
    await until(() => env.catalyst.calls.length === 4, 'the calls are under way')
    await profiles.close()
    expect([...(await waiting).values()]).toEqual(users(450).map(unknown))
    await until(() => env.catalyst.cutOff === 4, 'the calls are cut off')
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect(env.catalyst.calls).toHaveLength(4)
  })

  it('is possible before the first call and more than once', async () => {
    const profiles = env.open()
    const waiting = profiles.one(user(1))
    await Promise.all([profiles.close(), profiles.close()])
    await profiles.close()
    expect(await waiting).toEqual(unknown(user(1)))
    expect(env.catalyst.calls).toEqual([])
  })
})
