import { afterAll, beforeAll, expect, it } from 'vitest'
import { Cluster, type Instance } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { Device } from '../env/device.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { ack, request, requestModule, TYPE } from '../rpc/engine/frames.ts'
import { pair, receivedActions } from './pair.ts'
import { openRawV2 } from './raw-v2.ts'

/** For so long a client would hold up the others, were they to wait for it: until it is closed, which bounds its memory. */
const PATIENCE_MS = Math.min(15_000, paced(4_000))
/** Far above what a call takes, and below that. */
const AT_ONCE_MS = 0.8 * PATIENCE_MS
/** What an instance may grow by, in bytes. */
const GROWTH = 64e6

describeWithRedis('an instance with a slow client', () => {
  let cluster: Cluster
  let instance: Instance
  let alice: Device
  let bob: Device
  beforeAll(async () => {
    const patience = `${PATIENCE_MS}ms`
    cluster = await Cluster.start(1, { ACK_TIMEOUT: patience, PONG_TIMEOUT: patience, MAX_FRAME_SIZE: '16kb' })
    instance = cluster.instance(0)
    ;[alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  const memory = (): Promise<number> => instance.metric('process_resident_memory_bytes')
  const closed = (code: number): Promise<number> =>
    instance.metric(`dcl_social_service_rpc_sockets_closed_total{code="${code}"}`)

  /** One call, and what it tells another device. @returns how long both took, in milliseconds */
  async function roundTrip(): Promise<number> {
    const startedAt = performance.now()
    const seen = bob.received.length
    const action = receivedActions(bob).at(-1) === 'request' ? 'cancel' : 'request'
    expect(await alice.act(action, bob.address)).toBe('event')
    await until(() => bob.received.length > seen, 'the others arrive')
    return performance.now() - startedAt
  }

  it('closes a client that never acknowledges with 1008, and delays nobody', async () => {
    const { client, address, portId, idOf } = await openRawV2(instance.rpcUrl)
    const before = await closed(1008)
    client.send(request(3, portId, idOf('SubscribeToFriendshipUpdates')))
    expect((await client.next()).type).toBe(TYPE.STREAM_MESSAGE)
    client.send(ack(3, portId, 0))
    let isClosed = false
    const closing = client.closed.then(({ code }) => {
      isClosed = true
      return code
    })
    let slowest = 0
    while (!isClosed) {
      await alice.act('request', address)
      await alice.act('cancel', address)
      slowest = Math.max(slowest, await roundTrip())
    }
    expect(await closing).toBe(1008)
    expect(await closed(1008)).toBe(before + 1)
    expect(slowest).toBeLessThan(AT_ONCE_MS)
  })

  it('closes a client that never reads with 1013, bounds what waits for it, and delays nobody', async () => {
    const { client, portId } = await openRawV2(instance.rpcUrl)
    const [before, closedBefore] = [await memory(), await closed(1013)]
    client.socket.pause()
    // Every answer is many times as long as its question.
    let slowest = 0
    for (let number = 10; (await closed(1013)) === closedBefore; ) {
      for (let each = 0; each < 5000; each += 1) client.send(requestModule(number++, portId, 'SocialService'))
      slowest = Math.max(slowest, await roundTrip())
    }
    expect((await memory()) - before).toBeLessThan(GROWTH)
    expect(slowest).toBeLessThan(AT_ONCE_MS)
    client.socket.terminate()
  })
})
