import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import {
  BlockUpdate,
  ConnectivityStatus,
  FriendConnectivityUpdate,
  FriendshipUpdate
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { Env } from '../env/app.ts'
import { logIn } from '../env/login.ts'
import { ReceivedUpdates } from '../env/received-updates.ts'
import { startService } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, type V2Device } from '../env/v2.ts'
import { ForgetfulClient } from './forgetful-client.ts'

const FRIENDSHIPS = 'SubscribeToFriendshipUpdates'
const CONNECTIVITY = 'SubscribeToFriendConnectivityUpdates'
const BLOCKS = 'SubscribeToBlockUpdates'
/** As the game does, and as the same library would with those that this service is silent on. */
const PROCEDURES = [
  FRIENDSHIPS,
  CONNECTIVITY,
  BLOCKS,
  'SubscribeToCommunityMemberConnectivityUpdates',
  'SubscribeToPrivateVoiceChatUpdates',
  'SubscribeToCommunityVoiceChatUpdates'
]
const ROUNDS = 1_000

let env: Env
let bob: V2Device
beforeAll(async () => {
  // No room for one stream more than there are procedures.
  env = await startService({ PRESENCE_GRACE: '0ms', MAX_STREAMS_PER_CONNECTION: String(PROCEDURES.length) })
  bob = await connectV2(env)
})
afterAll(() => env.stop())

const user = ({ address }: Wallet) => ({ address })

async function befriend(one: Wallet, other: Wallet): Promise<void> {
  const [from, to] = [await connectV2(env, one), await connectV2(env, other)]
  await from.service.upsertFriendship({ action: { $case: 'request', request: { user: user(other) } } })
  await to.service.upsertFriendship({ action: { $case: 'accept', accept: { user: user(one) } } })
  for (const { socket } of [from, to]) socket.close()
}

async function open(wallet: Wallet): Promise<ForgetfulClient> {
  const client = await ForgetfulClient.open(env.app.rpcUrl, wallet)
  env.onStop(() => client.client[Symbol.dispose]())
  return client
}

/** What the game has seen of friendships: who did what, or asks with which message. */
function friendships(client: ForgetfulClient): string[] {
  return (client.seen.get(FRIENDSHIPS) ?? []).map(bytes => {
    const { update } = FriendshipUpdate.decode(bytes)
    return update?.$case === 'request' ? `request ${update.request.message}` : `${update?.$case}`
  })
}

const blocks = (client: ForgetfulClient): boolean[] =>
  (client.seen.get(BLOCKS) ?? []).map(bytes => BlockUpdate.decode(bytes).isBlocked)

const connectivity = (client: ForgetfulClient): string[] =>
  (client.seen.get(CONNECTIVITY) ?? []).map(bytes =>
    FriendConnectivityUpdate.decode(bytes).status === ConnectivityStatus.ONLINE ? 'online' : 'offline'
  )

it('that subscribes again a thousand times has one stream of each kind, and nothing is lost or told twice', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const [alice, carol, dave] = [await createWallet(), await createWallet(), await connectV2(env)]
  await befriend(alice, carol)
  const others = await env.openStreams()
  const client = await open(alice)
  const subscribeAll = async (): Promise<void> => {
    for (const procedure of PROCEDURES) client.subscribe(procedure)
    await client.client.taken()
  }
  await subscribeAll()
  await until(async () => (await env.openStreams()) === others + 3, 'the streams are open')

  let isOver = false
  const done = { actions: [] as string[], blocks: [] as boolean[], flips: 0 }
  const act = async (): Promise<void> => {
    for (let turn = 0; !isOver; turn += 1) {
      const message = String(turn)
      await bob.service.upsertFriendship({ action: { $case: 'request', request: { user: user(alice), message } } })
      await bob.service.upsertFriendship({ action: { $case: 'cancel', cancel: { user: user(alice) } } })
      done.actions.push(`request ${turn}`, 'cancel')
    }
  }
  const block = async (): Promise<void> => {
    while (!isOver) {
      await dave.service.blockUser({ user: user(alice) })
      await dave.service.unblockUser({ user: user(alice) })
      done.blocks.push(true, false)
    }
  }
  const flip = async (): Promise<void> => {
    const state = (): string | undefined => connectivity(client).at(-1)
    // She may have been seen as online yet, since they became friends.
    await until(() => state() !== 'online', 'she is gone')
    client.seen.set(CONNECTIVITY, [])
    while (!isOver) {
      const { socket } = await connectV2(env, carol)
      await until(() => state() === 'online', 'she is seen to come')
      socket.close()
      await until(() => state() === 'offline', 'she is seen to go')
      done.flips += 1
    }
  }
  const happening = Promise.all([act(), block(), flip()])
  let heap = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round === ROUNDS / 10) {
      collectGarbage()
      heap = process.memoryUsage().heapUsed
    }
    await subscribeAll()
  }
  isOver = true
  await happening

  const isFrom = (actions: string[]): string[] => actions.filter(action => action !== 'block')
  await until(() => isFrom(friendships(client)).length >= done.actions.length, 'all of it is seen')
  await until(() => blocks(client).length >= done.blocks.length, 'every block is seen')
  expect(isFrom(friendships(client))).toEqual(done.actions)
  expect(friendships(client).filter(action => action === 'block')).toHaveLength(done.blocks.length / 2)
  expect(blocks(client)).toEqual(done.blocks)
  expect(connectivity(client)).toEqual(Array.from({ length: done.flips }, () => ['online', 'offline']).flat())
  expect(done.flips).toBeGreaterThan(0)

  // One live stream for each procedure, of which the client is told; all the others have ended.
  await until(() => client.open === PROCEDURES.length, 'it is told that the older streams are over')
  expect([client.ended, client.errors]).toEqual([ROUNDS * PROCEDURES.length, []])
  expect(await env.openStreams()).toBe(others + 3)
  // What the test has written down does not count.
  client.seen.clear()
  done.actions.length = done.blocks.length = 0
  collectGarbage()
  // A kilobyte and a half for each subscription: one that stayed would take several.
  expect(process.memoryUsage().heapUsed - heap).toBeLessThan(4_000_000)
  client.client.socket.close()
  await until(async () => (await env.openStreams()) === others, 'they end with the socket')
})

it('that subscribes again, loses its connection and comes back is told what it missed, once', async () => {
  const alice = await createWallet()
  const before = await open(alice)
  const others = await env.openStreams()
  const request = (message: string) =>
    bob.service.upsertFriendship({ action: { $case: 'request', request: { user: user(alice), message } } })
  const cancel = () => bob.service.upsertFriendship({ action: { $case: 'cancel', cancel: { user: user(alice) } } })
  for (let round = 0; round < 10; round += 1) {
    before.subscribe(FRIENDSHIPS)
    before.subscribe(BLOCKS)
    await until(async () => (await env.openStreams()) === others + 2, 'the streams are open')
    await request(`${round}`)
    await cancel()
    await before.sees(FRIENDSHIPS, 2 * (round + 1))
  }
  await before.client.taken()
  before.client.socket.terminate()
  await until(async () => (await env.openStreams()) === others, 'the loss is noticed')
  await request('missed')
  const after = await open(alice)
  for (let round = 0; round < 3; round += 1) after.subscribe(FRIENDSHIPS)
  await until(async () => (await env.openStreams()) === others + 1, 'the stream is open')
  await after.sees(FRIENDSHIPS, 1)
  await cancel()
  await after.sees(FRIENDSHIPS, 2)
  expect(friendships(after)).toEqual(['request missed', 'cancel'])
})

it('on v1 has one stream for each token that subscribes on its socket', async () => {
  const [alice, carol] = [await createWallet(), await createWallet()]
  const tokens = await Promise.all([alice, carol].map(wallet => logIn(env.app.httpUrl, wallet)))
  const others = await env.openStreams()
  const socket = new WebSocket(env.app.rpcUrl, { perMessageDeflate: false })
  env.onStop(() => socket.terminate())
  const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
  const service = loadService(await client.createPort('social'), FriendshipsServiceDefinition)
  const streams: ReceivedUpdates<unknown>[] = []
  for (let round = 0; round < 10; round += 1) {
    for (const synapseToken of tokens) {
      streams.push(new ReceivedUpdates(service.subscribeFriendshipEventsUpdates({ synapseToken })))
    }
    await until(() => streams.filter(({ ended }) => ended === null).length === 2, 'the older ones are over')
    await until(async () => (await env.openStreams()) === others + 2, 'both have a stream')
    for (const wallet of [alice, carol]) {
      await bob.service.upsertFriendship({ action: { $case: 'request', request: { user: user(wallet) } } })
      await bob.service.upsertFriendship({ action: { $case: 'cancel', cancel: { user: user(wallet) } } })
    }
    const newest = streams.slice(-2)
    await until(() => newest.every(({ items }) => items.length === 2), 'each is told of its user')
  }
  expect(streams.map(({ items, ended }) => [items.length, ended])).toEqual(
    streams.map((_, at) => [2, at < streams.length - 2 ? 'in good order' : null])
  )
})
