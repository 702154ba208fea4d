import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Cluster, type Instance } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { KeyDevice, TokenDevice } from '../env/device.ts'
import { until } from '../env/until.ts'
import type { RawClient } from '../rpc/engine/clients.ts'
import { closeStream, createPort, request, TYPE } from '../rpc/engine/frames.ts'
import { openRawV2 } from './raw-v2.ts'

const SOCKETS = 30

describeWithRedis('an instance that is flooded', () => {
  let cluster: Cluster
  let instance: Instance
  let alice: TokenDevice
  let bob: KeyDevice
  beforeAll(async () => {
    cluster = await Cluster.start(1, {
      MAX_CONNECTIONS_PER_IP: String(SOCKETS),
      PAIR_ACTIONS_PER_MINUTE: '20',
      NODE_OPTIONS: '--max-old-space-size=64' // so that what is not needed any more is collected soon
    })
    instance = cluster.instance(0)
    alice = await cluster.tokenDevice()
    bob = await cluster.keyDevice()
    for (const device of [alice, bob]) await device.connect(instance.rpcUrl)
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  /** That others are served meanwhile. */
  async function othersAreServed(): Promise<void> {
    expect(await alice.act('request', (await cluster.keyDevice()).address)).toBe('event')
  }

  it('closes connections above the limit with 1013, cuts those far above, and has room again when they are gone', async () => {
    const open = (): WebSocket => new WebSocket(instance.rpcUrl, { perMessageDeflate: false })
    const ends: number[] = []
    const sockets = Array.from({ length: 10 * SOCKETS }, () => {
      const socket = open()
      socket.once('close', code => ends.push(code)).on('error', () => undefined)
      return socket
    })
    // Alice and Bob have theirs.
    await until(() => ends.length === 9 * SOCKETS + 2, 'those above the limit are closed')
    // Cut without a word, when so many came at once that there was no room to say why.
    expect(ends.filter(code => code !== 1006 && code !== 1013)).toEqual([])
    await othersAreServed()
    for (const socket of sockets) socket.close()
    await until(() => ends.length === sockets.length, 'all are gone')
    const { client } = await openRawV2(instance.rpcUrl)
    client.socket.terminate()
  })

  it('refuses too many ports of one socket with typed errors, and keeps one of many subscriptions', async () => {
    const { client, portId, idOf } = await openRawV2(instance.rpcUrl)
    for (let number = 10; number < 2010; number += 1) client.send(createPort(number))
    await until(() => client.frames.length === 2000, 'each is answered')
    expect(errors(client)).toEqual(new Map([['Too many ports', 2000 - 15]]))
    await othersAreServed()
    client.frames.length = 0
    const subscribe = idOf('SubscribeToFriendshipUpdates')
    const open = (): Promise<number> => instance.metric('social_streams_open{kind="updates"}')
    const before = await open()
    for (let number = 3000; number < 5000; number += 1) client.send(request(number, portId, subscribe))
    await until(() => new Set(client.frames.map(({ number }) => number)).size === 2000, 'each is answered')
    // Those that come faster than the older ones can end are refused; of the others the newest stays.
    expect([...errors(client).keys()].filter(text => text !== 'Too many streams at once')).toEqual([])
    await until(async () => (await open()) === before + 1, 'one is left')
    await othersAreServed()
    client.socket.terminate()
  })

  it('limits requests and cancellations, and lets their target block the sender', async () => {
    const answers = new Map<string, number>()
    for (let round = 0; round < 100; round += 1) {
      const answer = await alice.act(round % 2 ? 'cancel' : 'request', bob.address)
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
    expect(answers.get('event')).toBe(20)
    expect(answers.get('tooManyRequestsError')).toBe(80)
    expect(await bob.block(alice.address)).toBe('ok')
    await othersAreServed()
  })

  it('keeps nothing of 10,000 subscriptions that come and go', async () => {
    const { client, portId, idOf } = await openRawV2(instance.rpcUrl)
    const subscribe = idOf('SubscribeToFriendConnectivityUpdates')
    let number = 10
    /** The smallest size of the heap that was seen meanwhile, in bytes: that after a collection. */
    const cycles = async (count: number): Promise<number> => {
      let smallest = Number.POSITIVE_INFINITY
      for (let done = 0; done < count; done += 25) {
        const opened = Array.from({ length: 25 }, () => number++)
        for (const each of opened) client.send(request(each, portId, subscribe))
        // Beside them come the ends of older ones, whose place they took a while ago.
        const isOpen = (each: number): boolean => client.frames.some(({ number }) => number === each)
        await until(() => opened.every(isOpen), 'they are open')
        for (const each of opened) client.send(closeStream(each, portId, 0))
        client.frames.length = 0
        await client.taken()
        if (done % 100 === 0) smallest = Math.min(smallest, await instance.metric('nodejs_heap_size_used_bytes'))
      }
      return smallest
    }
    const handles = (): Promise<number> => instance.metric('nodejs_active_handles_total')
    await cycles(1000)
    const [before, handlesBefore] = [await cycles(2000), await handles()]
    await cycles(5000)
    expect((await cycles(2000)) - before).toBeLessThan(10e6)
    await until(async () => (await handles()) <= handlesBefore, 'no more handles are open than before')
    client.socket.close()
    await once(client.socket, 'close')
  })
})

/** How often each text of an error came. */
function errors(client: RawClient): Map<string, number> {
  const texts = new Map<string, number>()
  for (const { type, message } of client.frames) {
    if (type !== TYPE.REMOTE_ERROR) continue
    texts.set(message.errorMessage, (texts.get(message.errorMessage) ?? 0) + 1)
  }
  return texts
}
