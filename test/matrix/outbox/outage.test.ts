import { expect, test } from 'vitest'
import { orderedPair } from '../../../src/domain/address.ts'
import { friendshipContent } from '../../../src/friendships/state-event.ts'
import { postgresUrl } from '../../env/databases.ts'
import { FaultProxy } from '../../env/fault-proxy.ts'
import { paced } from '../../env/pace.ts'
import { describeWithSynapse, sharedSynapse, startSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { newAddress } from '../homeserver.ts'
import { counted, OutboxEnv, QUICK } from './outbox-env.ts'

const PREFIX = 'dcl_social_service_matrix_outbox_'
const MINUTE_MS = 60_000
const AWAY = { awayBackoff: { firstMs: 1_000, maxMs: 30_000 } }

describeWithSynapse('a homeserver that is away', () => {
  const open = async () => OutboxEnv.open(await sharedSynapse())
  const openProxy = async () => FaultProxy.start((await sharedSynapse()).url)
  const isInStep = async (env: OutboxEnv): Promise<void> => {
    await env.settled()
    expect(await env.differences()).toEqual([])
  }

  test('is probed now and then for an hour, and then gets everything, once', async () => {
    await using proxy = await openProxy()
    await using env = await open()
    const start = Date.now()
    const clock = { now: start }
    proxy.goDown()
    const worker = await env.work({ url: proxy.url, options: AWAY, now: () => clock.now })
    const users = Array.from({ length: 4 }, newAddress)
    for (const [at, alice] of [...users, ...users].entries()) {
      const bob = newAddress()
      await env.act(alice, 'request', bob, `Request ${at}`)
      if (at % 2 === 0) await env.act(bob, 'accept', alice)
      const before = proxy.connections
      await until(() => {
        clock.now += 5_000
        return clock.now >= start + (at + 1) * 7.5 * MINUTE_MS && proxy.connections > before
      }, 'it is asked again and again')
    }
    // At most as often as its jitter allows, and at the start by the calls that found out.
    expect(proxy.connections).toBeLessThan((clock.now - start) / 15_000 + 2 * QUICK.lanes)
    expect(proxy.requests).toEqual([])
    expect(await counted(worker, `${PREFIX}paused`)).toBe(1)
    expect(await counted(worker, `${PREFIX}depth`)).toBe(12)
    expect(await counted(worker, `${PREFIX}oldest_age_seconds`)).toBeGreaterThan(3_590)
    // All but what it was asked for before it was known to be away waits in the log.
    const [held] = await env.db.rows<[number]>({ name: 'held', text: 'select count(*) from matrix_outbox' }, [])
    expect(held![0]).toBeLessThan(6)

    proxy.comeBack()
    await until(async () => {
      clock.now += 1_000
      return (await env.store.stats()).depth === 0
    }, 'it has everything')
    await isInStep(env)
    for (const outcome of ['retried', 'parked']) {
      expect(await counted(worker, `${PREFIX}attempts_total`, { outcome })).toBe(0)
    }
    expect(await counted(worker, `${PREFIX}attempts_total`, { outcome: 'done' })).toBe(12)
    for (const gauge of ['paused', 'depth', 'oldest_age_seconds']) {
      expect(await counted(worker, PREFIX + gauge)).toBe(0)
    }
  })

  test('because it does not know the service, parks nothing', async () => {
    await using env = await open()
    const stranger = await env.work({ asToken: 'not-the-token' })
    await env.befriend(newAddress(), newAddress())
    const away = () => counted(stranger, `${PREFIX}attempts_total`, { outcome: 'away' })
    await until(async () => (await away()) > 0, 'it was tried')
    expect(await env.store.stats()).toMatchObject({ depth: 2, parked: 0 })
    await stranger.stop()
    await env.work()
    await isInStep(env)
  })

  test('does not hold up the end of the service', async () => {
    await using proxy = await openProxy()
    await using env = await open()
    const callMs = paced(5_000)
    const worker = await env.work({ url: proxy.url, options: { callMs } })
    proxy.mischief = (_, path) => (path.includes('/createRoom') ? 'hang' : null)
    await env.act(newAddress(), 'request', newAddress())
    await until(() => proxy.requests.some(it => it.includes('/createRoom')), 'it hangs')
    const startedAt = performance.now()
    await worker.outbox.stop(100)
    expect(performance.now() - startedAt).toBeLessThan(callMs * 0.8)
    proxy.mischief = () => null
    await env.db.rows({ name: 'end-leases', text: 'update matrix_outbox set available_at = 0' }, [])
    await worker.stop()
    await env.work()
    await isInStep(env)
  })

  test('a worker that stops gives back what it has not finished', async () => {
    await using env = await open()
    const worker = await env.work({ options: { lanes: 1 } })
    const [alice, bob] = [newAddress(), newAddress()]
    for (let round = 0; round < 10; round++) {
      await env.act(alice, 'request', bob)
      await env.act(alice, 'cancel', bob)
    }
    await until(async () => {
      return (await counted(worker, `${PREFIX}attempts_total`, { outcome: 'done' })) > 0
    }, 'it is at work')
    await worker.stop()
    expect((await env.store.stats()).depth).toBeGreaterThan(0)
    // Nothing is left to a lease, which would last for a minute.
    await env.work()
    await env.settled()
    await isInStep(env)
  })

  test('a worker that is killed leaves its pairs to others when its lease is over', async () => {
    await using env = await open()
    const [alice, bob] = [newAddress(), newAddress()]
    const event = await env.act(alice, 'request', bob, 'Hi')
    await env.store.enqueueFromLog(1)
    expect(await env.store.lease(1, 1_500)).toHaveLength(1)
    // What it had done before it was killed.
    await env.homeserver.register(alice)
    await env.homeserver.as(alice).createRoom({
      preset: 'trusted_private_chat',
      aliasName: env.homeserver.ids.pairAliasName(orderedPair(alice, bob)),
      isDirect: true,
      invite: [bob],
      state: [{ type: 'org.decentraland.friendship', stateKey: '', content: friendshipContent(event)! }]
    })
    await env.work()
    await isInStep(env)
  })
})

describeWithSynapse('a homeserver that is killed', () => {
  test('under load, again and again, has everything afterwards, nothing twice', async () => {
    await using synapse = await startSynapse()
    await using env = await OutboxEnv.open(synapse)
    const options = { callMs: paced(5_000), pairBackoff: { firstMs: 50, maxMs: 5_000 } }
    await env.work({ options })
    if (postgresUrl !== null) await env.work({ options, isOther: true })
    const users = Array.from({ length: 9 }, newAddress)
    const pairs = users.flatMap((asks, at) => users.slice(at + 1).map(asked => [asks, asked] as const))
    const depth = async () => (await env.store.stats()).depth
    const meet = async (some: typeof pairs): Promise<void> => {
      for (const [at, [asks, asked]] of some.entries()) {
        await env.act(asks, 'request', asked, 'Hi')
        if (at % 2 === 0) await env.act(asked, 'accept', asks)
      }
    }
    for (const round of [0, 1, 2]) {
      await meet(pairs.slice(12 * round, 12 * round + 8))
      const left = Math.max(0, (await depth()) - 4)
      await until(async () => (await depth()) <= left, 'it is at work')
      await synapse.kill()
      await meet(pairs.slice(12 * round + 8, 12 * round + 12))
      await synapse.restart()
    }
    await env.settled()
    expect(await env.differences()).toEqual([])
  })
})
