import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Wallet } from '../../../demo/wallet.ts'
import { Env } from '../../env/app.ts'
import { type Observations, type Position, PresenceClient } from '../../env/presence-client.ts'
import { Rest } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { connectivity, listen, loginV2 } from '../../env/v2.ts'

let env: Env
beforeAll(async () => {
  env = await Env.start({ PRESENCE_GRACE: '0ms', FRIENDS_STREAM_PAGE_SIZE: '20' })
})
afterAll(() => env.stop())

async function user(wallet?: Wallet, at = env, session?: string): Promise<PresenceClient> {
  const client = await PresenceClient.connect(at.app, wallet, session)
  at.onStop(() => client.disconnect())
  return client
}

async function friends(at = env): Promise<[PresenceClient, PresenceClient]> {
  const [alice, bob] = [await user(undefined, at), await user(undefined, at)]
  await alice.befriend(bob)
  return [alice, bob]
}

/** Listens to the positions of a user's friends, from when this resolves. */
function watch(client: PresenceClient, at = env): Promise<Observations> {
  return at.opened(client.address, () => client.observe())
}

const genesis = { realm: 'main', x: '10', y: '-20' }

async function sees(observations: Observations, position: Position): Promise<void> {
  await until(() => observations.last(position.realm ?? '') !== undefined, 'the position is received')
  expect(observations.last(position.realm ?? '')).toEqual(position)
}

/** Something that is received after everything that happened before. */
async function mark(observations: Observations, friend: PresenceClient): Promise<void> {
  const realm = `mark ${Math.random()}`
  await friend.heartbeat({ realm })
  await until(() => observations.last(realm) !== undefined, 'what came later is received')
}

/** Sends heartbeats until one is seen: where positions live shortly, the first may be over when its turn comes. */
async function showsUntilSeen(observations: Observations, friend: PresenceClient): Promise<void> {
  await until(async () => {
    await friend.heartbeat({ realm: 'back' })
    return observations.last('back') !== undefined
  }, 'the position is told')
}

describe('a heartbeat', () => {
  it('is answered with its position, whatever parts it has', async () => {
    const alice = await user()
    for (const position of [genesis, { x: '', y: '0' }, {}, { realm: '🏛️'.repeat(50) }]) {
      expect(await alice.heartbeat(position)).toEqual({ response: 'position', position })
    }
  })

  it('is a bad request without a position, or with one that is too long', async () => {
    const alice = await user()
    expect((await alice.heartbeat(undefined)).response).toBe('badRequestError')
    expect((await alice.heartbeat({ realm: 'r'.repeat(256) })).response).toBe('position')
    for (const part of ['realm', 'x', 'y']) {
      expect((await alice.heartbeat({ [part]: '1'.repeat(257) })).response).toBe('badRequestError')
    }
  })

  it('is refused without a token, or with one that is not valid', async () => {
    const alice = await user()
    for (const token of [null, '', 'invented']) {
      expect((await alice.heartbeat(genesis, token)).response).toBe('unauthorizedError')
    }
  })
})

describe('the list of friends who are online', () => {
  it('has those who are connected, whether or not they report where they are', async () => {
    const alice = await user()
    expect(await alice.onlineFriends()).toEqual([])
    const others = await Promise.all(Array.from({ length: 25 }, () => user()))
    for (const other of others) await alice.befriend(other)
    const stranger = await user()
    await stranger.heartbeat(genesis)
    const [gone, ...here] = others as [PresenceClient, ...PresenceClient[]]
    await here[0]?.heartbeat(genesis)
    gone.disconnect()
    await until(async () => (await alice.onlineFriends()).flat().length === 24, 'one is offline')
    const pages = await alice.onlineFriends()
    expect(pages.map(page => page.length)).toEqual([20, 4])
    expect(pages.flat().sort()).toEqual(here.map(({ address }) => address).sort())
  })

  it('has no blocked users, from either side', async () => {
    const [alice, bob] = await friends()
    const bobOnV2 = await loginV2(env, bob.wallet)
    expect(await alice.onlineFriends()).toEqual([[bob.address]])
    await bobOnV2.client.blockUser(alice.address)
    expect([await alice.onlineFriends(), await bob.onlineFriends()]).toEqual([[], []])
  })

  it('is refused without a valid token, in its first element', async () => {
    expect(await (await user()).onlineFriends('invented')).toEqual(['unauthorizedError'])
  })
})

describe('a subscription to positions', () => {
  it('begins with the friends who are online, and goes on with those who move', async () => {
    const [alice, bob] = await friends()
    await bob.heartbeat(genesis)
    const seen = await watch(alice)
    await sees(seen, genesis)
    const later = { realm: 'elsewhere', x: '1' }
    await bob.heartbeat(later)
    await sees(seen, later)
    expect(seen.positions).toEqual([genesis, later])
  })

  it('does not bring a position again that is still the same', async () => {
    const [alice, bob] = await friends()
    const seen = await watch(alice)
    await bob.heartbeat(genesis)
    await sees(seen, genesis)
    await bob.heartbeat(genesis)
    await mark(seen, bob)
    expect(seen.positions).toHaveLength(2)
  })

  it('brings at most one message a second, with everything that changed', async () => {
    const [alice, bob] = await friends()
    const carol = await user()
    await alice.befriend(carol)
    const seen = await watch(alice)
    let step = 0
    while (seen.messages.length < 5) {
      step += 1
      await Promise.all([
        bob.heartbeat({ realm: 'bob', x: `${step}` }),
        carol.heartbeat({ realm: 'carol', x: `${step}` })
      ])
    }
    await until(
      () => seen.last('bob')?.x === seen.last('carol')?.x && seen.last('bob')?.x === `${step}`,
      'all is received'
    )
    const gaps = seen.messages.slice(1).map(({ at }, index) => at - (seen.messages[index]?.at ?? 0))
    // What the network and a busy machine take from one of them, they add to another.
    expect(Math.min(...gaps)).toBeGreaterThan(700)
    expect((seen.messages.at(-1)?.at ?? 0) - (seen.messages[0]?.at ?? 0)).toBeGreaterThan(gaps.length * 990)
  })

  it('shows friends only, as they are at that moment', async () => {
    const [alice, bob] = await friends()
    const carol = await user()
    const seen = await watch(alice)
    await carol.heartbeat({ realm: 'before' })
    await mark(seen, bob)
    await alice.befriend(carol)
    await sees(seen, { realm: 'before' })
    await carol.act('delete', alice)
    await carol.heartbeat({ realm: 'after' })
    await mark(seen, bob)
    await mark(seen, bob)
    expect(seen.last('after')).toBeUndefined()
  })

  it('shows nothing of a user who blocks or is blocked, at once', async () => {
    const [alice, bob] = await friends()
    const carol = await user()
    await alice.befriend(carol)
    const [byAlice, byBob] = [await watch(alice), await watch(bob)]
    const bobOnV2 = await loginV2(env, bob.wallet)
    await bob.heartbeat({ realm: 'bob is not blocking yet' })
    await bobOnV2.client.blockUser(alice.address)
    await bob.heartbeat({ realm: 'bob after the block' })
    await alice.heartbeat({ realm: 'alice after the block' })
    await mark(byAlice, carol)
    await mark(byAlice, carol)
    expect(byAlice.last('bob after the block')).toBeUndefined()
    expect(byBob.positions).toEqual([])
  })

  it('does not show where a friend was who is offline', async () => {
    const [alice, bob] = await friends()
    const carol = await user()
    await alice.befriend(carol)
    await Promise.all([bob.heartbeat(genesis), carol.heartbeat({ realm: 'carol' })])
    bob.disconnect()
    await until(async () => (await alice.onlineFriends()).flat().length === 1, 'bob is offline')
    const seen = await watch(alice)
    await sees(seen, { realm: 'carol' })
    const back = await user(bob.wallet)
    await until(
      async () => (await alice.onlineFriends()).flat().length === 2 || !(await back.onlineFriends()),
      'bob is back'
    )
    await mark(seen, back)
    expect(seen.positions.filter(({ realm }) => realm === 'main')).toEqual([])
  })

  it('is refused without a valid token, in its first element', async () => {
    const alice = await user()
    const refused = alice.observe('invented')
    await until(() => refused.ended !== null, 'the stream ends')
    expect(refused.ended).toBe('unauthorizedError')
  })

  it('ends with the session that it lives by, and leaves nothing behind', async () => {
    const alice = await user()
    const phone = await user(alice.wallet)
    const others = await env.openStreams()
    const [onLaptop, onPhone] = [await watch(alice), await watch(phone)]
    const headers = { authorization: `Bearer ${alice.token}` }
    const url = `${env.app.httpUrl}/_matrix/client/r0/logout`
    expect((await fetch(url, { method: 'POST', headers })).status).toBe(200)
    await until(() => onLaptop.ended !== null, 'the stream ends')
    expect(onLaptop.ended).toBe('unauthorizedError')
    expect(onPhone.ended).toBeNull()
    phone.disconnect()
    await until(async () => (await env.openStreams()) <= others, 'the other stream is gone')
  })
})

describe('a user whose session or heartbeats end', () => {
  it('is offline for everybody when the last heartbeat is too old, though connected, and online with the next', async () => {
    await using env = await Env.start({ PRESENCE_GRACE: '0ms', POSITION_LIFETIME: '1s' })
    const [alice, bob] = await friends(env)
    const onV2 = await loginV2(env, alice.wallet)
    const comings = await listen(env, alice.address, onV2.client.subscribeToFriendConnectivityUpdates())
    expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
    await bob.heartbeat(genesis)
    expect(connectivity(await comings.next())).toBe(`${bob.address} offline`)
    expect(await alice.onlineFriends()).toEqual([])
    const seen = await watch(alice, env)
    await bob.heartbeat({ realm: 'back' })
    expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
    await showsUntilSeen(seen, bob)
    expect(seen.positions).toHaveLength(1)
  })

  it('is offline at once when the session ends, though still connected', async () => {
    const [alice, bob] = await friends()
    const onV2 = await loginV2(env, alice.wallet)
    const comings = await listen(env, alice.address, onV2.client.subscribeToFriendConnectivityUpdates())
    expect(connectivity(await comings.next())).toBe(`${bob.address} online`)
    expect((await new Rest(env.app.httpUrl, bob.token).post('/_matrix/client/r0/logout')).status).toBe(200)
    expect(connectivity(await comings.next())).toBe(`${bob.address} offline`)
    expect((await bob.heartbeat(genesis)).response).toBe('unauthorizedError')
  })

  it('stays online by a device that sends no heartbeats', async () => {
    await using env = await Env.start({ PRESENCE_GRACE: '0ms', POSITION_LIFETIME: '300ms' })
    const [alice, bob] = await friends(env)
    const carol = await user(undefined, env)
    await alice.befriend(carol)
    await user(bob.wallet, env).then(phone => phone.onlineFriends())
    await Promise.all([bob.heartbeat(genesis), carol.heartbeat(genesis)])
    await until(async () => (await alice.onlineFriends()).flat().length === 1, 'carol is offline')
    expect((await alice.onlineFriends()).flat()).toEqual([bob.address])
    const seen = await watch(alice, env)
    await showsUntilSeen(seen, bob)
    expect(seen.positions).toHaveLength(1)
  })
})

it('many subscriptions that are opened and closed leave nothing behind', async () => {
  const [alice, bob] = await friends()
  const others = await env.openStreams()
  for (let round = 0; round < 20; round += 1) {
    const devices = await Promise.all(Array.from({ length: 5 }, () => user(alice.wallet, env, alice.token)))
    await Promise.all(devices.map(device => watch(device)))
    await bob.heartbeat({ realm: `${round}` })
    for (const device of devices) device.disconnect()
    await until(async () => (await env.openStreams()) <= others, 'all streams are gone')
  }
})
