import { once } from 'node:events'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { createRpcClient } from '@dcl/rpc'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createWallet, type Wallet } from '../../src/cli/wallet.ts'
import { Env, type V1User } from '../env/app.ts'
import { describeEachDatabase, freshPostgres } from '../env/databases.ts'
import { logIn } from '../env/login.ts'
import { until } from '../env/until.ts'

/** One device: a token that outlives its sockets. */
class Device {
  readonly told: string[] = []
  readonly #env: Env
  readonly #wallet: Wallet
  readonly #token: string
  #socket: WebSocket | null = null

  private constructor(env: Env, wallet: Wallet, token: string) {
    this.#env = env
    this.#wallet = wallet
    this.#token = token
  }

  static async login(env: Env, wallet: Wallet): Promise<Device> {
    return new Device(env, wallet, await logIn(env.app.httpUrl, wallet))
  }

  /** Connects and subscribes; takes `limit` updates and acknowledges them, but not the one after. */
  async connect(limit = Number.POSITIVE_INFINITY): Promise<void> {
    const before = this.#env.app.subscribers(this.#wallet.address)
    const socket = new WebSocket(this.#env.app.rpcUrl)
    this.#socket = socket
    await once(socket, 'open')
    const client = await createRpcClient(WebSocketTransport(socket as never))
    const service = loadService(await client.createPort('social'), FriendshipsServiceDefinition)
    this.#listen(service.subscribeFriendshipEventsUpdates({ synapseToken: this.#token }), limit).catch(() => undefined)
    await until(() => this.#env.app.subscribers(this.#wallet.address) > before, 'the subscription is open')
  }

  async lose(): Promise<void> {
    this.#socket?.terminate()
    await until(() => this.#env.app.subscribers(this.#wallet.address) === 0, 'the service notices the loss')
  }

  async #listen(updates: AsyncIterable<unknown>, limit: number): Promise<void> {
    for await (const update of updates) {
      const { response } = update as { response: { events: { responses: { body: { $case: string } }[] } } }
      this.told.push(...response.events.responses.map(({ body }) => body.$case))
      if (this.told.length >= limit) return new Promise(() => undefined)
    }
  }
}

describeEachDatabase('a device that lost its connection', kind => {
  let env: Env
  let clock = 0
  beforeAll(async () => {
    const settings = kind === 'postgres' ? { DATABASE_URL: await freshPostgres() } : {}
    env = await Env.start({ RESUME_MAX_UPDATES: '5', ...settings }, { now: () => Date.now() + clock })
  })
  afterAll(() => env.stop())

  async function start(): Promise<{ device: Device; alice: V1User; bob: Wallet }> {
    const bob = await createWallet()
    return { device: await Device.login(env, bob), alice: await env.login(), bob }
  }

  it('is told what it missed when it comes back, before anything new', async () => {
    const { device, alice, bob } = await start()
    await device.connect()
    await alice.client.requestFriendship(bob.address)
    await until(() => device.told.length === 1, 'the first update comes')
    await device.lose()
    await alice.client.cancelFriendshipRequest(bob.address)
    await device.connect()
    await until(() => device.told.length === 2, 'the missed update comes')
    await alice.client.requestFriendship(bob.address)
    await until(() => device.told.length === 3, 'the new update comes')
    expect(device.told).toEqual(['request', 'cancel', 'request'])
  })

  it('is told of each pair the last only', async () => {
    const { device, alice, bob } = await start()
    const carol = await env.login()
    await device.connect()
    await device.lose()
    await alice.client.requestFriendship(bob.address)
    await carol.client.requestFriendship(bob.address)
    await alice.client.cancelFriendshipRequest(bob.address)
    await device.connect()
    await until(() => device.told.length === 2, 'the missed updates come')
    expect(device.told).toEqual(['request', 'cancel'])
  })

  it('is told again what it had not acknowledged, and nothing that it had', async () => {
    const { device, alice, bob } = await start()
    const others = [await env.login(), await env.login()]
    await device.connect(2)
    for (const user of [alice, ...others]) await user.client.requestFriendship(bob.address)
    await until(() => device.told.length === 2, 'two updates come')
    await device.lose()
    device.told.length = 0
    await alice.client.cancelFriendshipRequest(bob.address)
    await device.connect()
    await until(() => device.told.length === 3, 'what is left comes')
    // The first was acknowledged by asking for the second, which was not.
    expect(device.told).toEqual(['request', 'request', 'cancel'])
  })

  it('starts anew after the window, and when it missed too much', async () => {
    const { device, alice, bob } = await start()
    await device.connect()
    await device.lose()
    await alice.client.requestFriendship(bob.address)
    clock += 61_000
    await device.connect()
    await alice.client.cancelFriendshipRequest(bob.address)
    await until(() => device.told.length === 1, 'the new update comes')
    await device.lose()
    for (let round = 0; round < 3; round += 1) {
      await alice.client.requestFriendship(bob.address, `${round}`)
      await alice.client.cancelFriendshipRequest(bob.address)
    }
    await device.connect()
    await alice.client.requestFriendship(bob.address, 'now')
    await until(() => device.told.at(-1) === 'request', 'the new update comes')
    // What was committed a moment before it came back may still be on its way, but not all that it missed.
    expect(device.told.length).toBeLessThanOrEqual(3)
  })
})
