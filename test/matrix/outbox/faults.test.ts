import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { FAULTS, type Fault, FaultProxy, type Mischief } from '../../env/fault-proxy.ts'
import { paced } from '../../env/pace.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { newAddress } from '../homeserver.ts'
import { counted, OutboxEnv } from './outbox-env.ts'

const ATTEMPTS = 'dcl_social_service_matrix_outbox_attempts_total'
const NAMES = Object.keys(FAULTS) as Fault[]
/** Longer than what an honest call takes, but not by so much that a hanging one is waited for in vain. */
const SHORT = { callMs: Math.min(8_000, paced(1_000)), pairBackoff: { firstMs: 50, maxMs: 5_000 } }

describeWithSynapse('a homeserver that fails now and then', () => {
  let env: OutboxEnv
  let proxy: FaultProxy
  beforeAll(async () => {
    const access = await sharedSynapse()
    env = await OutboxEnv.open(access)
    proxy = await FaultProxy.start(access.url)
  })
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    proxy.mischief = () => null
    proxy.requests.length = 0
  })

  const isInStep = async (ms?: number): Promise<void> => {
    await env.settled(ms)
    expect(await env.differences()).toEqual([])
  }
  /** One fault, the first time that a call of this kind comes. */
  const once = (fault: Fault, method: string, path: RegExp): Mischief => {
    let isDone = false
    return (itsMethod, itsPath) => {
      if (isDone || itsMethod !== method || !path.test(itsPath)) return null
      isDone = true
      return fault
    }
  }

  test.each([1, 2])(
    'is in step afterwards, nothing twice, whatever happened in whatever order (seed %i)',
    async seed => {
      const random = randomNumbers(seed)
      let faults = 120
      proxy.mischief = () => {
        if (faults === 0 || random() > 0.15) return null
        faults -= 1
        return NAMES[Math.floor(random() * NAMES.length)]!
      }
      const worker = await env.work({ url: proxy.url, options: { ...SHORT, lanes: 6 } })
      const users = Array.from({ length: 6 }, newAddress)
      for (const [at, alice] of users.entries()) {
        for (const bob of users.slice(at + 1)) await live(env, alice, bob, random)
      }
      await isInStep(120_000)
      expect(proxy.requests.length).toBeGreaterThan(100)
      await worker.stop()
    }
  )

  const calls = [
    ['POST', /\/createRoom/],
    ['PUT', /\/send\/m.room.message/],
    ['PUT', /\/state\/org.decentraland.friendship/],
    ['POST', /\/join\//],
    ['PUT', /\/account_data\/m.direct/],
    ['POST', /\/register/]
  ] as const
  const broken = ['cut before', 'cut after', '500'] as const
  test.each(calls.flatMap(([method, path]) => broken.map(fault => [fault, method, path] as const)))(
    'does everything once in spite of: %s, %s %s',
    async (fault, method, path) => {
      const worker = await env.work({ url: proxy.url, options: SHORT })
      const [alice, bob] = [newAddress(), newAddress()]
      // Her first message takes more calls than those after it, and a fault that met the others would be wasted.
      await env.act(alice, 'request', newAddress(), 'My first')
      await env.settled()
      proxy.mischief = once(fault, method, path)
      await env.act(alice, 'request', bob, 'Hi')
      await env.act(bob, 'accept', alice)
      await env.act(alice, 'delete', bob)
      await env.settled()
      expect(await env.differences([alice, bob])).toEqual([])
      await worker.stop()
    }
  )

  test.each(['hang', 'hang after'] as const)('gives a call up that has no answer in time (%s)', async fault => {
    const worker = await env.work({ url: proxy.url, options: { ...SHORT, callMs: paced(1_000) } })
    proxy.mischief = once(fault, 'POST', /\/createRoom/)
    await env.act(newAddress(), 'request', newAddress(), 'Hi')
    await isInStep()
    await worker.stop()
  })

  test.each(['500', 'html', 'html 200', 'cut before', '429'] as const)(
    'keeps its hands off m.direct while it cannot be read (%s)',
    async fault => {
      const [alice, bob] = [newAddress(), newAddress()]
      await env.homeserver.register(alice)
      const own = { '@somebody:localhost': ['!room:localhost'] }
      await env.homeserver.as(alice).putAccountData('m.direct', own)
      const ofAlice = `/user/${encodeURIComponent(env.homeserver.ids.userId(alice))}/account_data/m.direct`
      proxy.mischief = (method, path) => (method === 'GET' && path.includes(ofAlice) ? fault : null)

      const worker = await env.work({ url: proxy.url, options: SHORT })
      await env.befriend(alice, bob)
      const tries = () => proxy.requests.filter(it => it.startsWith('GET') && it.includes(ofAlice)).length
      await until(() => tries() >= 3, 'it was tried again')
      expect(await env.homeserver.as(alice).getAccountData('m.direct')).toEqual(own)
      expect(proxy.requests.some(it => it.startsWith('PUT') && it.includes(ofAlice))).toBe(false)

      proxy.mischief = () => null
      await env.settled()
      const roomId = await env.roomOf(alice, bob)
      const direct = { [env.homeserver.ids.userId(bob)]: [roomId] }
      expect(await env.homeserver.as(alice).getAccountData('m.direct')).toEqual({ ...own, ...direct })
      await env.homeserver.as(alice).putAccountData('m.direct', direct)
      await worker.stop()
    }
  )

  test('lets nobody write m.direct while a write that broke off may still be carried out', async () => {
    const worker = await env.work({ url: proxy.url, options: SHORT })
    const [alice, bob] = [newAddress(), newAddress()]
    proxy.mischief = once('cut during', 'PUT', /\/account_data\/m.direct/)
    await env.befriend(alice, bob)
    const retried = () => counted(worker, ATTEMPTS, { outcome: 'retried' })
    await until(async () => (await retried()) === 1, 'the write broke off')
    const held = { name: 'held', text: 'select address from matrix_account_data_lease' }
    const [user] = (await env.db.rows<[Address]>(held, [])).flat()
    expect([alice, bob]).toContain(user)
    await env.settled()
    expect(await env.differences([alice, bob])).toEqual([])
    await worker.stop()
  })

  test('is left alone for as long as it asks', async () => {
    const clock = { now: Date.now() }
    const worker = await env.work({ url: proxy.url, options: SHORT, now: () => clock.now })
    proxy.mischief = once('429', 'POST', /\/createRoom/)
    await env.act(newAddress(), 'request', newAddress())
    const count = (outcome: string) => counted(worker, ATTEMPTS, { outcome })
    await until(async () => (await count('away')) === 1, 'it was asked')
    const asked = proxy.requests.length
    await ticks(10)
    expect(proxy.requests.length).toBe(asked)
    clock.now += 50
    await isInStep()
    expect(await count('retried')).toBe(0)
    await worker.stop()
  })

  test('one pair that fails again and again holds up no other, and is parked in the end', async () => {
    const worker = await env.work({ url: proxy.url, options: { ...SHORT, pairBackoff: { firstMs: 1, maxMs: 2 } } })
    const [alice, bob] = [newAddress(), newAddress()]
    const ofAlice = encodeURIComponent(env.homeserver.ids.userId(alice))
    proxy.mischief = (method, path) =>
      method === 'POST' && path.includes('/createRoom') && path.includes(ofAlice) ? '500' : null
    await env.act(alice, 'request', bob)
    await env.act(bob, 'accept', alice)
    const parked = async () => (await env.store.stats()).parked
    await env.befriend(newAddress(), newAddress())
    await until(async () => (await env.store.stats()).depth === 2, 'the others are in step')
    await until(async () => (await parked()) === 1, 'it is parked')
    expect(await env.store.parked(10)).toMatchObject([
      { event: { actor: alice, action: 'request' }, error: 'Homeserver call createRoom: unavailable 500 M_UNKNOWN' }
    ])
    expect(await counted(worker, ATTEMPTS, { outcome: 'parked' })).toBe(1)
    expect(await counted(worker, 'dcl_social_service_matrix_outbox_parked')).toBe(1)

    proxy.mischief = () => null
    await env.befriend(newAddress(), newAddress())
    await until(async () => (await env.store.stats()).depth === 2, 'the others are in step')
    expect(await env.store.retryParked()).toBe(1)
    await isInStep()
    await worker.stop()
  })

  test('what it refuses is parked after a few tries, and done when it is tried again and not refused', async () => {
    const worker = await env.work({ url: proxy.url, options: SHORT })
    const [alice, bob] = [newAddress(), newAddress()]
    await env.befriend(alice, bob)
    await env.settled()
    const roomId = (await env.roomOf(alice, bob))!
    const givePower = async (user: Address, power: number): Promise<void> => {
      const powers = await env.homeserver.as(user).getState(roomId, 'm.room.power_levels', '')
      const users = { ...(powers!['users'] as object), [env.homeserver.ids.userId(alice)]: power }
      await env.homeserver.as(user).putState(roomId, 'm.room.power_levels', '', { ...powers, users })
    }

    await givePower(alice, 0)
    await env.act(alice, 'delete', bob)
    await env.act(bob, 'request', alice)
    await until(async () => (await env.store.stats()).parked === 1, 'it is parked')
    const error = 'Homeserver call putState: forbidden 403 M_FORBIDDEN'
    expect(await env.store.parked(10)).toMatchObject([{ attempts: 3, error, waiting: 1 }])

    await givePower(bob, 100)
    expect(await env.store.retryParked()).toBe(1)
    await isInStep()
    await worker.stop()
  })
})

/** Something that two users come to do, which always ends with both knowing each other. */
async function live(env: OutboxEnv, alice: Address, bob: Address, random: () => number): Promise<void> {
  await env.act(alice, 'request', bob, random() < 0.5 ? `Hi from ${alice}` : null)
  const course = Math.floor(random() * 5)
  if (course === 0) return
  if (course === 1) await env.act(bob, 'reject', alice)
  else if (course === 2) await env.act(alice, 'cancel', bob)
  else await env.act(bob, 'accept', alice)
  if (course === 3) await env.act(random() < 0.5 ? alice : bob, 'delete', random() < 0.5 ? bob : alice).catch(() => {})
  if (course < 3) await env.act(bob, 'request', alice, 'Once more')
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lets so many polls of a worker go by. */
async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await new Promise(resolve => setTimeout(resolve, 20))
}
