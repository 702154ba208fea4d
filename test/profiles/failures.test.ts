import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Profiles } from '../../src/profiles/profiles.ts'
import { until } from '../env/until.ts'
import { catalystProfile, nameOf, type OnCall, profilesText } from './catalyst-server.ts'
import { isKnown, known, namesOf, profilesEnv, unknown, user, users } from './env.ts'

const env = profilesEnv()

/** Short enough to be waited for. */
const HASTY_MS = 50

/** Lets as many calls fail as open the circuit. */
async function failOften(profiles: Profiles): Promise<void> {
  const working = env.catalyst.onCall
  env.catalyst.onCall = (_ids, response) => void response.writeHead(502).end()
  for (const address of users(5, 900_001)) await profiles.one(address)
  env.catalyst.onCall = working
}

describe('a Catalyst that fails', () => {
  it.each<[string, OnCall]>([
    ['malformed JSON', (_ids, response) => void response.end('[{"avatars":')],
    ['JSON that is no list', () => ({ error: 'no' })],
    ['an HTML 502', (_ids, response) => void response.writeHead(502).end('<html>Bad gateway</html>')],
    ['a list with an error status', (ids, response) => void response.writeHead(500).end(profilesText(ids))],
    ['a redirect', (_ids, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a connection that ends', (_ids, response) => void response.destroy()],
    ['a body that ends early', cutShort]
  ])('is no failure of the request: %s', async (_name, onCall) => {
    const profiles = env.open()
    const working = env.catalyst.onCall
    env.catalyst.onCall = onCall
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    // That nothing was learned is not remembered.
    env.catalyst.onCall = working
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
  })

  it('spoils no other profile with a malformed one', async () => {
    env.catalyst.onCall = ids => [{ avatars: 'none' }, ...ids.map(id => catalystProfile(id)), null]
    expect(await env.open().one(user(1))).toEqual(known(user(1)))
  })

  it('is cut off when its answer is huge', async () => {
    env.catalyst.onCall = (_ids, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    }
    expect(await env.open().one(user(1))).toEqual(unknown(user(1)))
    await until(() => env.catalyst.cutOff === 1, 'the huge answer is cut off')
  })

  it('holds up nobody past the deadline when it hangs, and is cut off', async () => {
    env.catalyst.onCall = () => undefined
    expect(await env.open({ timeoutMs: HASTY_MS }).one(user(1))).toEqual(unknown(user(1)))
    await until(() => env.catalyst.cutOff === 1, 'the call that hangs is cut off')
  })

  it('holds up nobody past the deadline when its answer drips, and is cut off', async () => {
    env.catalyst.onCall = (_ids, response) => {
      const dripping = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(dripping))
    }
    expect(await env.open({ timeoutMs: HASTY_MS }).one(user(1))).toEqual(unknown(user(1)))
    await until(() => env.catalyst.cutOff === 1, 'the answer that drips is cut off')
  })

  it('holds up nobody past the deadline who waits for others', async () => {
    env.catalyst.onCall = () => undefined
    const profiles = env.open({ timeoutMs: HASTY_MS })
    const [first, second] = await Promise.all([profiles.of(users(450)), profiles.one(user(500))])
    expect([first.size, second]).toEqual([450, unknown(user(500))])
    expect(env.catalyst.calls).toHaveLength(4)
  })

  it('still serves the next request when it is slow', async () => {
    let release = (): void => undefined
    env.catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const profiles = env.open({ timeoutMs: 500 })
    expect(await profiles.one(user(1))).toEqual(unknown(user(1)))
    release()
    await until(async () => (await profiles.one(user(1))).name === nameOf(user(1)), 'the late answer is kept')
    expect(env.catalyst.calls).toHaveLength(1)
  })
})

describe('the circuit breaker', () => {
  it('does not call a Catalyst that keeps failing, and tries it once after a while', async () => {
    const profiles = env.open()
    await profiles.one(user(1))
    await failOften(profiles)
    env.catalyst.calls.length = 0
    env.clock += 29_999
    expect(await namesOf(profiles, users(2))).toEqual([nameOf(user(1)), null])
    expect(env.catalyst.calls).toEqual([])

    env.clock += 1
    let release = (): void => undefined
    env.catalyst.onCall = (ids, response) => {
      release = () => response.end(profilesText(ids))
    }
    const probe = profiles.of(users(150, 2))
    await until(() => env.catalyst.calls.length === 1, 'it is tried')
    expect(await profiles.one(user(500))).toEqual(unknown(user(500)))
    release()
    expect([...(await probe).values()].filter(isKnown)).toHaveLength(100)

    env.catalyst.onCall = ids => ids.map(id => catalystProfile(id))
    expect(await profiles.one(user(500))).toEqual(known(user(500)))
    expect(env.catalyst.calls.map(ids => ids.length)).toEqual([100, 1])
  })

  it('opens again when that one try fails', async () => {
    const profiles = env.open()
    await failOften(profiles)
    env.clock += 30_000
    const working = env.catalyst.onCall
    env.catalyst.onCall = () => 'nonsense'
    await profiles.one(user(1))
    env.catalyst.onCall = working
    env.clock += 29_999
    await profiles.one(user(1))
    expect(env.catalyst.calls).toHaveLength(6)
    env.clock += 1
    expect(await profiles.one(user(1))).toEqual(known(user(1)))
  })

  it('counts failures in a row only', async () => {
    const profiles = env.open()
    const working = env.catalyst.onCall
    for (const address of users(20)) {
      env.catalyst.onCall = Number(address) % 5 === 0 ? working : () => 'nonsense'
      await profiles.one(address)
    }
    expect(env.catalyst.calls).toHaveLength(20)
  })

  it('ends at once what waits when it opens', async () => {
    env.catalyst.onCall = (_ids, response) => void response.writeHead(502).end()
    expect((await env.open().of(users(3_000))).size).toBe(3_000)
    expect(env.catalyst.calls.length).toBeLessThan(10)
  })
})

function cutShort(_ids: string[], response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '99' })
  response.write('[]', () => response.destroy())
}
