import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { Profiles, type ProfilesOptions } from '../../src/profiles/profiles.ts'
import { until } from '../env/until.ts'
import { type CatalystServer, catalystProfile, nameOf, pictureOf, startCatalyst } from './catalyst-server.ts'

const logger = createLogger({ level: 'silent', format: 'json' })

/** Long enough for whatever has to happen before it. */
const PATIENT_MS = 30_000
/** Short enough to be waited for. */
const HASTY_MS = 50

let catalyst: CatalystServer
let opened: Profiles[]
let clock: number

beforeEach(async () => {
  catalyst = await startCatalyst()
  opened = []
  clock = 1_000_000
})

afterEach(async () => {
  await Promise.all(opened.map(profiles => profiles.close()))
  await catalyst[Symbol.asyncDispose]()
})

function open(options: Partial<ProfilesOptions> = {}): Profiles {
  const profiles = new Profiles({ url: catalyst.url, timeoutMs: PATIENT_MS, logger, now: () => clock, ...options })
  opened.push(profiles)
  return profiles
}

const user = (index: number): Address => `0x${index.toString(16).padStart(40, '0')}` as Address
const users = (count: number, first = 1): Address[] => Array.from({ length: count }, (_, at) => user(first + at))
const known = (address: Address) => ({
  address,
  name: nameOf(address),
  hasClaimedName: true,
  pictureUrl: pictureOf(address)
})
const unknown = (address: Address) => ({ address, name: '', hasClaimedName: false, pictureUrl: '' })
const namesOf = async (profiles: Profiles, addresses: Address[]): Promise<string[]> =>
  [...(await profiles.of(addresses)).values()].map(({ name }) => name)

/** Lets as many calls fail as open the circuit. */
async function failOften(profiles: Profiles): Promise<void> {
  const working = catalyst.onCall
  catalyst.onCall = (_ids, response) => void response.writeHead(502).end()
  for (const address of users(5, 900_001)) await profiles.one(address)
  catalyst.onCall = working
}

describe('profiles', () => {
  it('are found, or empty for who has none', async () => {
    const [alice, bob] = [user(1), user(2)]
    catalyst.onCall = () => [catalystProfile(bob)]
    expect(await open().of([alice, bob, alice])).toEqual(
      new Map([
        [alice, unknown(alice)],
        [bob, known(bob)]
      ])
    )
    expect(catalyst.calls).toEqual([[alice, bob]])
  })

  it('are empty at once without a Catalyst', async () => {
    const profiles = open({ url: null })
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect((await profiles.of([])).size).toBe(0)
    expect(catalyst.calls).toEqual([])
  })

  it('are taken under the address that was asked for, and for nobody else', async () => {
    const [alice, bob] = [`0x${'a'.repeat(40)}`, `0x${'b'.repeat(40)}`] as [Address, Address]
    catalyst.onCall = () => [catalystProfile(`0x${'A'.repeat(40)}`, { name: 'Alice' }), catalystProfile(bob)]
    const profiles = open()
    expect([...(await profiles.of([alice])).values()].map(({ address, name }) => [address, name])).toEqual([
      [alice, 'Alice']
    ])
    await profiles.one(bob)
    expect(catalyst.calls).toEqual([[alice], [bob]])
  })
})

describe('a Catalyst that fails', () => {
  it.each<[string, CatalystServer['onCall']]>([
    ['malformed JSON', (_ids, response) => void response.end('[{"avatars":')],
    ['JSON that is no list', () => ({ error: 'no' })],
    ['an HTML 502', (_ids, response) => void response.writeHead(502).end('<html>Bad gateway</html>')],
    ['a list with an error status', (ids, response) => void response.writeHead(500).end(profilesText(ids))],
    ['a redirect', (_ids, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a connection that ends', (_ids, response) => void response.destroy()],
    ['a body that ends early', cutShort]
  ])('is no failure of the request: %s', async (_name, onCall) => {
    const profiles = open()
    const working = catalyst.onCall
    catalyst.onCall = onCall
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    // That nothing was learned is not remembered.
    catalyst.onCall = working
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
  })

  it('spoils no other profile with a malformed one', async () => {
    catalyst.onCall = ids => [{ avatars: 'none' }, ...ids.map(id => catalystProfile(id)), null]
    expect(await open().one(user(1))).toEqual(known(user(1)))
  })

  it('is cut off when its answer is huge', async () => {
    catalyst.onCall = (_ids, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    }
    expect(await open().one(user(1))).toEqual(unknown(user(1)))
    await until(() => catalyst.cutOff === 1, 'the huge answer is cut off')
  })

  it('holds up nobody past the deadline when it hangs, and is cut off', async () => {
    catalyst.onCall = () => undefined
    expect(await open({ timeoutMs: HASTY_MS }).one(user(1))).toEqual(unknown(user(1)))
    await until(() => catalyst.cutOff === 1, 'the call that hangs is cut off')
  })

  it('holds up nobody past the deadline when its answer drips, and is cut off', async () => {
    catalyst.onCall = (_ids, response) => {
      const dripping = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(dripping))
    }
    expect(await open({ timeoutMs: HASTY_MS }).one(user(1))).toEqual(unknown(user(1)))
    await until(() => catalyst.cutOff === 1, 'the answer that drips is cut off')
  })

  it('holds up nobody past the deadline who waits for others', async () => {
    catalyst.onCall = () => undefined
    const profiles = open({ timeoutMs: HASTY_MS })
    const [first, second] = await Promise.all([profiles.of(users(450)), profiles.one(user(500))])
    expect([first.size, second]).toEqual([450, unknown(user(500))])
    expect(catalyst.calls).toHaveLength(4)
  })

  it('that is slow still tells the next one who asks', async () => {
    let release = (): void => undefined
    catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const profiles = open({ timeoutMs: 500 })
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    release()
    await until(async () => (await profiles.one(user(1))).name === nameOf(user(1)), 'the late answer is kept')
    expect(catalyst.calls).toHaveLength(1)
  })
})

describe('calls', () => {
  it('are shared by requests of the same moment', async () => {
    const profiles = open()
    await Promise.all([profiles.of([user(1), user(2)]), profiles.of([user(2), user(3)]), profiles.one(user(4))])
    expect(catalyst.calls).toEqual([users(4)])
  })

  it('ask once for who is asked for already', async () => {
    let release = (): void => undefined
    catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const profiles = open()
    const first = profiles.one(user(1))
    await until(() => catalyst.calls.length === 1, 'the call is under way')
    const second = profiles.one(user(1))
    release()
    expect(await Promise.all([first, second])).toEqual([known(user(1)), known(user(1))])
    expect(catalyst.calls).toHaveLength(1)
  })

  it('are bounded in size, in number at a time, and in number that wait', async () => {
    const working = catalyst.onCall
    const held: (() => void)[] = []
    catalyst.onCall = (ids, response) => void held.push(() => response.end(profilesText(ids)))
    const waiting = open().of(users(6_000))
    await until(() => held.length === 4, 'calls are under way')
    catalyst.onCall = working
    for (const release of held) release()
    const found = await waiting
    const named = [...found.values()].filter(({ name }) => name !== '')
    expect([found.size, named.length]).toEqual([6_000, 5_000])
    expect(catalyst.calls.map(ids => ids.length)).toEqual(Array.from({ length: 50 }, () => 100))
    expect(catalyst.mostAtOnce).toBe(4)
  })

  it('are counted, as are requests', async () => {
    const seen: unknown[] = []
    const profiles = open({
      observer: {
        requested: (known, missing) => seen.push([known, missing]),
        callEnded: (outcome, durationMs) => seen.push([outcome, durationMs > 0])
      }
    })
    await profiles.of(users(2))
    await profiles.of(users(3))
    catalyst.onCall = () => 'nonsense'
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
  it('answers until a profile is old, and then at once what it had while it asks anew', async () => {
    const profiles = open({ ttlMs: 1_000 })
    await profiles.one(user(1))
    clock += 999
    await profiles.one(user(1))
    expect(catalyst.calls).toHaveLength(1)
    clock += 1
    catalyst.onCall = ids => ids.map(id => catalystProfile(id, { name: 'new' }))
    expect((await profiles.one(user(1))).name).toBe(nameOf(user(1)))
    await until(async () => (await profiles.one(user(1))).name === 'new', 'the new name is known')
    expect(catalyst.calls).toHaveLength(2)
  })

  it('does not wait for a Catalyst that hangs while what it has is old', async () => {
    const profiles = open({ ttlMs: 1_000 })
    await profiles.one(user(1))
    clock += 1_000
    catalyst.onCall = () => undefined
    expect(await namesOf(profiles, users(1))).toEqual([nameOf(user(1))])
    await until(() => catalyst.calls.length === 2, 'it is asked for behind the request')
    expect(await namesOf(profiles, users(1))).toEqual([nameOf(user(1))])
    expect(catalyst.calls).toHaveLength(2)
  })

  it('knows for a while that a user has no profile', async () => {
    const profiles = open({ negativeTtlMs: 100, ttlMs: 1_000 })
    const working = catalyst.onCall
    catalyst.onCall = () => []
    await profiles.one(user(1))
    catalyst.onCall = working
    clock += 99
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect(catalyst.calls).toHaveLength(1)
    clock += 1
    await until(async () => (await profiles.one(user(1))).name !== '', 'the new profile is known')
    expect(catalyst.calls).toHaveLength(2)
  })

  it('keeps a profile that a later answer leaves out', async () => {
    const profiles = open({ ttlMs: 1_000, negativeTtlMs: 100 })
    await profiles.one(user(1))
    clock += 1_000
    catalyst.onCall = () => []
    await profiles.one(user(1))
    await until(() => catalyst.calls.length === 2, 'the empty answer is given')
    await profiles.one(user(2))
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
    expect(catalyst.calls).toHaveLength(3)
  })

  it('stays within its bound, and lets go of what was not used for longest', async () => {
    const profiles = open({ cacheSize: 100 })
    for (let first = 1; first <= 10_000; first += 1_000) {
      const found = await profiles.of(users(1_000, first))
      expect([...found.values()].every(({ name }) => name !== '')).toBe(true)
    }
    catalyst.calls.length = 0
    await profiles.of(users(100, 9_901))
    expect(catalyst.calls).toEqual([])
    await profiles.of(users(5_000))
    expect(catalyst.calls.flat()).toHaveLength(5_000)
  })
})

describe('requests', () => {
  it('leave no timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const profiles = open()
    const before = timers()
    for (const address of users(50)) await profiles.one(address)
    expect(timers() - before).toBeLessThan(10)
  })
})

describe('the circuit', () => {
  it('leaves a Catalyst alone that keeps failing, and tries it once after a while', async () => {
    const profiles = open()
    await profiles.one(user(1))
    await failOften(profiles)
    catalyst.calls.length = 0
    clock += 29_999
    expect(await namesOf(profiles, users(2))).toEqual([nameOf(user(1)), ''])
    expect(catalyst.calls).toEqual([])

    clock += 1
    let release = (): void => undefined
    catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const probe = profiles.of(users(150, 2))
    await until(() => catalyst.calls.length === 1, 'it is tried')
    expect(await profiles.one(user(500))).toEqual(unknown(user(500)))
    release()
    expect([...(await probe).values()].filter(({ name }) => name !== '')).toHaveLength(100)

    catalyst.onCall = ids => ids.map(id => catalystProfile(id))
    expect(await profiles.one(user(500))).toEqual(known(user(500)))
    expect(catalyst.calls.map(ids => ids.length)).toEqual([100, 1])
  })

  it('opens again when that one try fails', async () => {
    const profiles = open()
    await failOften(profiles)
    clock += 30_000
    const working = catalyst.onCall
    catalyst.onCall = () => 'nonsense'
    await profiles.one(user(1))
    catalyst.onCall = working
    clock += 29_999
    await profiles.one(user(1))
    expect(catalyst.calls).toHaveLength(6)
    clock += 1
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
  })

  it('counts failures in a row only', async () => {
    const profiles = open()
    const working = catalyst.onCall
    for (const address of users(20)) {
      catalyst.onCall = Number(address) % 5 === 0 ? working : () => 'nonsense'
      await profiles.one(address)
    }
    expect(catalyst.calls).toHaveLength(20)
  })

  it('lets go at once of what waits when it opens', async () => {
    catalyst.onCall = (_ids, response) => void response.writeHead(502).end()
    expect((await open().of(users(3_000))).size).toBe(3_000)
    expect(catalyst.calls.length).toBeLessThan(10)
  })
})

describe('closing', () => {
  it('ends what is under way and what waits, and nothing is asked for after it', async () => {
    catalyst.onCall = () => undefined
    const profiles = open()
    const waiting = profiles.of(users(450))
    await until(() => catalyst.calls.length === 4, 'the calls are under way')
    await profiles.close()
    expect([...(await waiting).values()]).toEqual(users(450).map(unknown))
    await until(() => catalyst.cutOff === 4, 'the calls are cut off')
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    expect(catalyst.calls).toHaveLength(4)
  })

  it('is possible before the first call and more than once', async () => {
    const profiles = open()
    const waiting = profiles.one(user(1))
    await Promise.all([profiles.close(), profiles.close()])
    await profiles.close()
    expect(await waiting).toEqual(unknown(user(1)))
    expect(catalyst.calls).toEqual([])
  })
})

function cutShort(_ids: string[], response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '99' })
  response.write('[]', () => response.destroy())
}

function profilesText(ids: string[]): string {
  return JSON.stringify(ids.map(id => catalystProfile(id)))
}
