import {
  BlockUpdate,
  FriendshipUpdate
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createWallet } from '../../demo/wallet.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Env } from '../env/app.ts'
import { paced } from '../env/pace.ts'
import { startService } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, type V2Device } from '../env/v2.ts'
import { ForgetfulClient } from './forgetful-client.ts'

/** The times of the defaults, many times faster: the client stands still for as much longer than a ping as fifty seconds are. */
const PING_MS = 100
const SILENCE_MS = Math.min(60_000, 30 * paced(PING_MS))
const STILL_MS = SILENCE_MS / 3
const QUEUE_SIZE = 5
/** Events that the service reads at a time when more has happened than may wait. */
const READ_SIZE = 1_000

const FRIENDSHIPS = 'SubscribeToFriendshipUpdates'
const BLOCKS = 'SubscribeToBlockUpdates'

interface User {
  readonly address: string
}

let env: Env
let others: readonly V2Device[]
beforeAll(async () => {
  env = await startService({
    PING_INTERVAL: `${PING_MS}ms`,
    PONG_TIMEOUT: `${SILENCE_MS}ms`,
    ACK_TIMEOUT: `${2 * SILENCE_MS}ms`,
    STREAM_QUEUE_SIZE: String(QUEUE_SIZE)
  })
  others = [await connectV2(env), await connectV2(env), await connectV2(env)]
})
afterAll(() => env.stop())

/** Who did what, or asks with which message. */
function inWords(bytes: Uint8Array): string {
  const { update } = FriendshipUpdate.decode(bytes)
  if (update?.$case === 'request') return `${update.request.friend?.address} request ${update.request.message}`
  const [action, body] = Object.entries(FriendshipUpdate.toJSON({ update }) as Record<string, { user?: User }>)[0] ?? []
  return `${body?.user?.address} ${action}`
}

/**
 * decentraland/unity-explorer reads its socket on the main thread (Explorer/Assets/DCL/Social/WebSocketRpcTransport.cs at
 * commit 6dd818f), which stands still for up to a minute while a scene loads: nothing is read, no ping answered. And a
 * socket that it loses it does not open again before the next login.
 */
it('that stands still for long, and then goes on, has its socket, its streams, and the last state of each pair', async () => {
  const alice = await createWallet()
  const [bob, carol, dave] = others as [V2Device, V2Device, V2Device]
  const before = await env.openStreams()
  const client = await ForgetfulClient.open(env.app.rpcUrl, alice)
  env.onStop(() => client.client[Symbol.dispose]())
  for (const procedure of [FRIENDSHIPS, BLOCKS]) client.subscribe(procedure)
  await until(async () => (await env.openStreams()) === before + 2, 'the streams are open')
  const { socket } = client.client
  socket.pause()
  const from = performance.now()
  const user = { address: alice.address }
  let events = 0
  for (let turn = 0; turn < 4 * QUEUE_SIZE || performance.now() - from < STILL_MS; turn += 1) {
    events += 2 * others.length
    for (const { service } of [bob, carol]) {
      await service.upsertFriendship({ action: { $case: 'request', request: { user, message: `${turn}` } } })
      await service.upsertFriendship({ action: { $case: 'cancel', cancel: { user } } })
    }
    await dave.service.blockUser({ user })
    await dave.service.unblockUser({ user })
  }
  await carol.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'last' } } })
  socket.resume()
  const seen = (): string[] => (client.seen.get(FRIENDSHIPS) ?? []).map(inWords)
  const lastOf = ({ address }: V2Device): string | undefined => seen().findLast(each => each.startsWith(address))
  const blocks = (): boolean[] => (client.seen.get(BLOCKS) ?? []).map(bytes => BlockUpdate.decode(bytes).isBlocked)
  await until(() => lastOf(carol) === `${carol.address} request last`, 'the last state of the one comes')
  await until(() => lastOf(bob) === `${bob.address} cancel` && blocks().at(-1) === false, 'and that of the others')
  // Nothing that went before came after what was on its way, and what was asked for ahead, but the last of each
  // in each part of the log.
  expect(seen().length).toBeLessThanOrEqual(2 + QUEUE_SIZE + others.length * Math.floor(events / READ_SIZE))
  await bob.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'again' } } })
  await until(() => lastOf(bob) === `${bob.address} request again`, 'the stream goes on')
  expect([socket.readyState, client.open, client.errors]).toEqual([WebSocket.OPEN, 2, []])
})

it('is not given up by default before a minute in which it says nothing at all', () => {
  const { rpc } = readConfig({})
  expect(rpc.pongTimeoutMs).toBeGreaterThanOrEqual(60_000)
  expect(rpc.ackTimeoutMs).toBeGreaterThan(rpc.pingIntervalMs + rpc.pongTimeoutMs)
})
