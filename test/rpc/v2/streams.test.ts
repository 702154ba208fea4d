import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FriendshipUpdate } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import type { Env } from '../../env/app.ts'
import { startService } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { connectV2, handshakeOf, type V2Device } from '../../env/v2.ts'
import { RawClient } from '../engine/clients.ts'
import { ack, closeStream, createPort, request, requestModule, TYPE } from '../engine/frames.ts'

const QUEUE_SIZE = 10
const STREAMS = ['SubscribeToFriendshipUpdates', 'SubscribeToBlockUpdates', 'SubscribeToFriendConnectivityUpdates']

let env: Env
let bob: V2Device
beforeAll(async () => {
  env = await startService({ STREAM_QUEUE_SIZE: String(QUEUE_SIZE) })
  bob = await connectV2(env)
})
afterAll(() => env.stop())

/** Opens a socket and loads the service. */
async function open(wallet: Wallet): Promise<{ client: RawClient; ids: Record<string, number> }> {
  const client = await RawClient.open(env.app.rpcUrl)
  env.onStop(() => client[Symbol.dispose]())
  client.send(JSON.stringify(handshakeOf(wallet)))
  client.send(createPort(1))
  client.send(requestModule(2, 1, 'SocialService'))
  for (const type of [TYPE.SERVER_READY, TYPE.CREATE_PORT_RESPONSE]) expect((await client.next()).type).toBe(type)
  const { procedures } = (await client.next()).message
  const ids = Object.fromEntries(
    procedures.map((each: { procedureName: string; procedureId: number }) => [each.procedureName, each.procedureId])
  )
  return { client, ids }
}

it('every stream ends with its socket, however that ends', async () => {
  for (const end of ['close', 'terminate'] as const) {
    const wallet = await createWallet()
    const others = await env.openStreams()
    const { client, ids } = await open(wallet)
    for (const [at, name] of STREAMS.entries()) client.send(request(3 + at, 1, ids[name] ?? 0))
    await until(async () => (await env.openStreams()) === others + 3, 'the streams are open')
    client.socket[end]()
    await until(async () => (await env.openStreams()) === others, 'the streams are gone')
  }
})

it('a stream that is not read goes on with the last state of each pair, and the others are not held up', async () => {
  const wallet = await createWallet()
  const { client, ids } = await open(wallet)
  const carol = await connectV2(env)
  const others = await env.openStreams()
  const [stuck, read] = [3, 4]
  for (const [number, name] of [
    [stuck, 'SubscribeToFriendshipUpdates'],
    [read, 'SubscribeToBlockUpdates']
  ] as const) {
    client.send(request(number, 1, ids[name] ?? 0))
    expect(await client.next()).toMatchObject({ type: TYPE.STREAM_MESSAGE, number })
    client.send(ack(number, 1, 0))
  }
  await until(async () => (await env.openStreams()) === others + 2, 'the streams are open')

  const user = { address: wallet.address }
  const elements: { number: number; sequence: number; payload: Uint8Array }[] = []
  const next = async () => {
    const { number, message } = await client.next()
    elements.push({ number, sequence: message.sequenceId, payload: message.payload })
    return { number, sequence: message.sequenceId as number }
  }
  for (let turn = 0; turn < QUEUE_SIZE; turn += 1) {
    await bob.service.blockUser({ user })
    await bob.service.unblockUser({ user })
    for (let count = 0; count < 2; ) {
      const { number, sequence } = await next()
      if (number !== read) continue
      client.send(ack(read, 1, sequence))
      count += 1
    }
    await bob.service.upsertFriendship({ action: { $case: 'request', request: { user, message: `${turn}` } } })
    await bob.service.upsertFriendship({ action: { $case: 'cancel', cancel: { user } } })
  }
  await carol.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'hi' } } })
  await bob.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'last' } } })
  expect(elements.filter(({ number }) => number === stuck)).toHaveLength(1)

  // What is on its way, what is asked for ahead, and then of each of the two the last.
  for (const sequence of [1, 2, 3]) {
    client.send(ack(stuck, 1, sequence))
    expect(await next()).toEqual({ number: stuck, sequence: sequence + 1 })
  }
  const seen = elements
    .filter(({ number }) => number === stuck)
    .map(({ payload }) => FriendshipUpdate.decode(payload).update)
    .map(update => (update?.$case === 'request' ? update.request.message : update?.$case))
  expect(seen).toEqual(['block', '0', 'hi', 'last'])
  client.send(ack(stuck, 1, 4))
  await bob.service.upsertFriendship({ action: { $case: 'cancel', cancel: { user } } })
  expect(await next()).toEqual({ number: stuck, sequence: 5 })
  expect(await env.openStreams()).toBe(others + 2)
})

it('ten thousand subscriptions leave nothing behind', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const wallet = await createWallet()
  const { client, ids } = await open(wallet)
  // Somebody to see.
  const friend = { address: bob.address }
  const alice = await connectV2(env, wallet)
  await alice.service.upsertFriendship({ action: { $case: 'request', request: { user: friend } } })
  await bob.service.upsertFriendship({
    action: { $case: 'accept', accept: { user: { address: wallet.address } } }
  })

  const others = await env.openStreams()
  let number = 3
  const cycle = async (count: number): Promise<void> => {
    // As many at a time as one socket may have.
    const names = Array.from({ length: 30 }, (_, at) => STREAMS[at % STREAMS.length] ?? '')
    for (let done = 0; done < count; done += names.length) {
      for (const name of names) {
        number += 1
        client.send(request(number, 1, ids[name] ?? 0))
      }
      const opened = new Set<number>()
      while (opened.size < names.length) opened.add((await client.next()).number)
      for (const each of opened) client.send(closeStream(each, 1, 0))
      await until(async () => (await env.openStreams()) === others, 'the streams are gone')
      client.frames.length = 0
    }
  }
  const heap = (): number => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  await cycle(1_000)
  const before = heap()
  await cycle(10_000)
  // What is measured swings by one megabyte; of ten thousand that stayed each would take more than one kilobyte.
  expect(heap() - before).toBeLessThan(5_000_000)
})
