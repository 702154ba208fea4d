import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import type { Env, V1User } from '../env/app.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { type Device, TokenDevice } from '../env/device.ts'
import { logIn } from '../env/login.ts'
import { startOn } from '../env/service.ts'
import { until } from '../env/until.ts'

let env: Env

/** A device of a new user, another one of the same user, and somebody else. */
async function start(): Promise<{ device: Device; witness: Device; alice: V1User }> {
  const wallet = await createWallet()
  const create = async () => new TokenDevice(wallet.address, await logIn(env.app.httpUrl, wallet))
  return { device: await create(), witness: await create(), alice: await env.login() }
}

/** Connects and subscribes; takes and acknowledges `limit` updates, and the one after only in part. */
async function connect(device: Device, limit?: number): Promise<void> {
  device.received.length = 0
  await device.connect(env.app.rpcUrl)
  await env.opened(device.address, () => void device.listen(limit))
}

async function lose(device: Device): Promise<void> {
  const before = await env.openStreams()
  device.terminate()
  await until(async () => (await env.openStreams()) < before, 'the service notices the loss')
}

const actionsOf = (device: Device): string[] =>
  device.received.flatMap(entry => (entry === 'disconnected' ? [] : [entry.action]))

describeEachDatabase('a device that lost its connection', kind => {
  beforeAll(async () => {
    env = await startOn(kind, { RESUME_MAX_UPDATES: '5' })
  })
  afterAll(() => env.stop())

  it('gets what it missed when it comes back, before anything new', async () => {
    const { device, alice } = await start()
    await connect(device)
    await alice.client.requestFriendship(device.address)
    await until(() => actionsOf(device).length === 1, 'the first update comes')
    await lose(device)
    await alice.client.cancelFriendshipRequest(device.address)
    await connect(device)
    await until(() => actionsOf(device).length === 1, 'the missed update comes')
    await alice.client.requestFriendship(device.address)
    await until(() => actionsOf(device).length === 2, 'the new update comes')
    expect(actionsOf(device)).toEqual(['cancel', 'request'])
  })

  it('gets of each pair the last event only', async () => {
    const { device, alice } = await start()
    const carol = await env.login()
    await connect(device)
    await lose(device)
    await alice.client.requestFriendship(device.address)
    await carol.client.requestFriendship(device.address)
    await alice.client.cancelFriendshipRequest(device.address)
    await connect(device)
    await until(() => actionsOf(device).length === 2, 'the missed updates come')
    expect(actionsOf(device)).toEqual(['request', 'cancel'])
  })

  it('gets again what it had not acknowledged, and nothing that it had', async () => {
    const { device, alice } = await start()
    const others = [await env.login(), await env.login()]
    await connect(device, 2)
    for (const user of [alice, ...others]) await user.client.requestFriendship(device.address)
    await until(() => actionsOf(device).length === 2, 'two updates come')
    await lose(device)
    await alice.client.cancelFriendshipRequest(device.address)
    await connect(device)
    await until(() => actionsOf(device).length === 3, 'what is left comes')
    // The first was acknowledged by asking for the second, which was not.
    expect(actionsOf(device)).toEqual(['request', 'request', 'cancel'])
  })

  it('starts anew when it missed too much', async () => {
    const { device, witness, alice } = await start()
    await connect(witness)
    /** What the witness received is over for everybody who begins to listen only now. */
    const isDelivered = (count: number) =>
      until(() => actionsOf(witness).length === count, 'it is delivered to those who listen')
    await connect(device)
    await lose(device)
    for (let round = 0; round < 3; round += 1) {
      await alice.client.requestFriendship(device.address, `${round}`)
      await alice.client.cancelFriendshipRequest(device.address)
    }
    await isDelivered(6)
    await connect(device)
    await alice.client.requestFriendship(device.address, 'now')
    await until(() => actionsOf(device).length > 0, 'the new update comes')
    expect(actionsOf(device)).toEqual(['request'])
  })
})

describeEachDatabase('a device that comes back after the window', kind => {
  beforeAll(async () => {
    env = await startOn(kind, { RESUME_WINDOW: '1ms' })
  })
  afterAll(() => env.stop())

  it('starts anew', async () => {
    const { device, witness, alice } = await start()
    await connect(witness)
    await connect(device)
    await lose(device)
    await alice.client.requestFriendship(device.address)
    await until(() => actionsOf(witness).length === 1, 'it is delivered to those who listen')
    await connect(device)
    await alice.client.cancelFriendshipRequest(device.address)
    await until(() => actionsOf(device).length > 0, 'the new update comes')
    expect(actionsOf(device)).toEqual(['cancel'])
  })
})
