import { afterAll, beforeAll, expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { Device } from '../env/device.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { pair, receivedActions, timeToReceive } from './pair.ts'

/** Longer than it takes to come back at once. */
const WINDOW_MS = paced(3_000)

describeWithRedis('two instances over PostgreSQL and Redis', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await Cluster.start(2, { RESUME_WINDOW: `${WINDOW_MS}ms` })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  const devices: [string, () => Promise<Device>][] = [
    ['v1, known by its token', () => cluster.tokenDevice()],
    ['v2, known by its signing key', () => cluster.keyDevice()]
  ]

  it('send each other updates at once', async () => {
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    expect(await timeToReceive(alice, bob)).toBeLessThan(paced(900))
  })

  it('end sessions on each other', async () => {
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.tokenDevice())
    const { status } = await fetch(`${cluster.instance(0).httpUrl}/_matrix/client/r0/logout/all`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bob.token}` }
    })
    expect(status).toBe(200)
    await until(() => bob.received.includes('disconnected'), 'the stream on the other instance ends')
    expect(await bob.act('request', alice.address)).toBe('unauthorizedError')
  })

  it.each(devices)('let a device resume on one what it lost on the other: %s', async (_, create) => {
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await create())
    const begun = () => cluster.instance(0).metric('dcl_social_service_rpc_streams_begun_total{beginning="resumed"}')
    const before = await begun()
    await alice.act('request', bob.address, 'taken')
    await until(() => receivedActions(bob).length === 1, 'it arrives')
    bob.terminate()
    await bob.disconnected()
    await alice.act('cancel', bob.address)
    await alice.act('request', bob.address, 'missed')
    await bob.connect(cluster.instance(0).rpcUrl)
    void bob.listen()
    await until(() => receivedActions(bob).length === 2, 'what was missed arrives')
    await alice.act('cancel', bob.address)
    await until(() => receivedActions(bob).length === 3, 'what is new arrives')
    // Of what was missed the last only, then what is new; and nothing of it again.
    expect(bob.received).toMatchObject([
      { message: 'taken' },
      'disconnected',
      { message: 'missed' },
      { action: 'cancel' }
    ])
    expect(await begun()).toBe(before + 1)
    bob.terminate()
  })

  it('start the streams of devices afresh that come back after the window, and count them', async () => {
    const alice = await cluster.tokenDevice()
    const others = await Promise.all(devices.map(([, create]) => create()))
    for (const device of others) await pair(cluster, alice, device)
    const expired = () => cluster.instance(0).metric('dcl_social_service_rpc_streams_begun_total{beginning="expired"}')
    const before = await expired()
    for (const device of others) {
      device.terminate()
      await device.disconnected()
      await alice.act('request', device.address, 'missed')
    }
    const lostAt = performance.now()
    await until(() => performance.now() - lostAt > WINDOW_MS + 1000, 'the window is over')
    for (const device of others) {
      await device.connect(cluster.instance(0).rpcUrl)
      void device.listen()
    }
    await until(async () => (await expired()) === before + others.length, 'the losses are counted')
    for (const device of others) {
      await alice.act('cancel', device.address)
      await until(() => receivedActions(device).length > 0, 'what is new arrives')
      expect(receivedActions(device)).toEqual(['cancel'])
      device.terminate()
    }
  })
})
