import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../env/databases.ts'
import { ReceivedUpdates } from '../env/received-updates.ts'
import { startService } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, type V2Device } from '../env/v2.ts'
import { TcpProxy } from '../faults/tcp-proxy.ts'

const DELAY_MS = 200

/**
 * Subscribes again and again, without a pause, when its stream ends or fails. So does decentraland/unity-explorer at commit
 * 6dd818f (`KeepServerStreamOpenAsync` in Explorer/Assets/DCL/Social/RPCSocialServiceBase.cs): after an end at once, and
 * after a remote error after `2 * (int)Math.Pow(2, -1)` seconds, which is none.
 */
class LoopingClient {
  attempts = 0
  readonly errors = new Set<string>()
  #isOver = false

  constructor(subscribe: () => AsyncIterable<unknown>) {
    void this.#loop(subscribe)
  }

  stop(): void {
    this.#isOver = true
  }

  async #loop(subscribe: () => AsyncIterable<unknown>): Promise<void> {
    while (!this.#isOver) {
      this.attempts += 1
      try {
        for await (const _ of subscribe());
      } catch (error) {
        this.errors.add((error as Error).message)
      }
    }
  }
}

/** The most attempts that may be made in a time. */
const paced = (ms: number, loops = 1): number => loops * (Math.ceil(ms / DELAY_MS) + 1)

/** Lets loops go on until each was refused so often. @returns attempts of all of them, and for how long they had time */
async function observe(loops: readonly LoopingClient[], attempts: number): Promise<{ made: number; ms: number }> {
  const from = performance.now()
  await until(() => loops.every(loop => loop.attempts >= attempts), 'all have tried again')
  const ms = performance.now() - from
  for (const loop of loops) loop.stop()
  return { made: loops.reduce((sum, loop) => sum + loop.attempts, 0), ms }
}

const STREAMS = ['subscribeToCommunityVoiceChatUpdates', 'subscribeToPrivateVoiceChatUpdates'] as const

let env: Env
let device: V2Device
beforeAll(async () => {
  env = await startService({ STREAM_REFUSAL_DELAY: `${DELAY_MS}ms`, MAX_STREAMS_PER_CONNECTION: '2' })
  device = await connectV2(env)
})
afterAll(() => env.stop())

it('that has too many streams costs five attempts a second, and its other calls are answered', async () => {
  const silent = STREAMS.map(name => new ReceivedUpdates<unknown>(device.service[name]({})))
  await device.service.getSocialSettings({})
  const loops = [
    new LoopingClient(() => device.service.subscribeToFriendshipUpdates({})),
    new LoopingClient(() => device.service.subscribeToBlockUpdates({}))
  ]
  const from = performance.now()
  await device.service.getSocialSettings({})
  expect(performance.now() - from).toBeLessThan(DELAY_MS * 5)
  const { made, ms } = await observe(loops, 8)
  expect(made).toBeLessThanOrEqual(paced(ms, loops.length))
  for (const { errors } of loops) expect([...errors]).toEqual(['RemoteError: Too many streams at once'])
  expect(silent.map(({ ended }) => ended)).toEqual([null, null])
})

it('that has two loops for one procedure, each of which ends the other, costs as little', async () => {
  const two = await connectV2(env)
  const loops = [1, 2].map(() => new LoopingClient(() => two.service.subscribeToFriendshipUpdates({})))
  const { made, ms } = await observe(loops, 6)
  expect(made).toBeLessThanOrEqual(paced(ms, loops.length))
  expect(loops.map(({ errors }) => errors.size)).toEqual([0, 0])
})

it('on v1 that shows a token that is not valid costs as little', async () => {
  const socket = new WebSocket(env.app.rpcUrl, { perMessageDeflate: false })
  env.onStop(() => socket.terminate())
  const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
  const service = loadService(await client.createPort('social'), FriendshipsServiceDefinition)
  const loop = new LoopingClient(() => service.subscribeFriendshipEventsUpdates({ synapseToken: 'made up' }))
  const { made, ms } = await observe([loop], 8)
  expect(made).toBeLessThanOrEqual(paced(ms))
})

describeWithPostgres('that subscribes while the database is away', () => {
  it('costs as little when it has waited for it in vain, and is served when it is back', async () => {
    await using proxy = await TcpProxy.start(await freshPostgres())
    const settings = { DATABASE_URL: proxy.url, STREAM_START_TIMEOUT: '0ms', STREAM_REFUSAL_DELAY: `${DELAY_MS}ms` }
    await using service = await Env.start(settings, { logger: silent })
    const alice = await connectV2(service)
    await alice.service.getSocialSettings({})
    proxy.refuse()
    const loops = [
      new LoopingClient(() => alice.service.subscribeToFriendshipUpdates({})),
      new LoopingClient(() => alice.service.subscribeToBlockUpdates({})),
      new LoopingClient(() => alice.service.subscribeToFriendConnectivityUpdates({}))
    ]
    const from = performance.now()
    await until(() => loops.every(loop => loop.attempts >= 5), 'all have tried again')
    const made = loops.reduce((sum, loop) => sum + loop.attempts, 0)
    expect(made).toBeLessThanOrEqual(paced(performance.now() - from, loops.length))
    proxy.accept()
    await until(async () => (await service.openStreams()) === 3, 'all are served')
    for (const { errors } of loops)
      expect([...errors]).toEqual(['RemoteError: The database is not available, try again'])
    for (const loop of loops) loop.stop()
  })
})
