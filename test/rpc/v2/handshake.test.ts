import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import {
  PaginatedFriendsProfilesResponse,
  UpsertFriendshipPayload
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { startEthereumNode } from '../../auth/ethereum-node.ts'
import type { Env } from '../../env/app.ts'
import { listenOnFreePort } from '../../env/ports.ts'
import { startService } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { connectivity, connectV2, handshakeOf, listen, loginV2, type Signed } from '../../env/v2.ts'
import { RawClient } from '../engine/clients.ts'
import { createPort, request, requestModule, TYPE } from '../engine/frames.ts'

let env: Env
let wallet: Wallet
beforeAll(async () => {
  env = await startService()
  wallet = await createWallet()
})
afterAll(() => env.stop())

const MINUTE = 60_000
/** The procedure comes first in its module. */
const GET_FRIENDS = 1

/** Opens a port, loads the service and asks for the friends, all without waiting for an answer. */
function rush(client: RawClient): void {
  client.send(createPort(1))
  client.send(requestModule(2, 1, 'SocialService'))
  client.send(request(3, 1, GET_FRIENDS))
}

/** Accepts a request by a socket that is being opened. */
async function accept(client: RawClient, address: string): Promise<void> {
  client.send(createPort(1))
  client.send(requestModule(2, 1, 'SocialService'))
  for (const type of [TYPE.SERVER_READY, TYPE.CREATE_PORT_RESPONSE]) expect((await client.next()).type).toBe(type)
  const { procedures } = (await client.next()).message
  const { procedureId } = procedures.find(
    (each: { procedureName: string }) => each.procedureName === 'UpsertFriendship'
  )
  const action = { $case: 'accept' as const, accept: { user: { address } } }
  client.send(request(3, 1, procedureId, UpsertFriendshipPayload.encode({ action }).finish()))
  expect((await client.next()).type).toBe(TYPE.RESPONSE)
}

async function expectAnswers(client: RawClient): Promise<void> {
  const types = [TYPE.SERVER_READY, TYPE.CREATE_PORT_RESPONSE, TYPE.REQUEST_MODULE_RESPONSE]
  for (const type of types) expect((await client.next()).type).toBe(type)
  const { type, message } = await client.next()
  expect(type).toBe(TYPE.RESPONSE)
  expect(PaginatedFriendsProfilesResponse.decode(message.payload)).toMatchObject({ friends: [] })
}

describe('a socket is opened', () => {
  it.each([
    ['text', (headers: string) => headers],
    ['binary', (headers: string) => Buffer.from(headers)],
    ['marked', (headers: string) => `\uFEFF${headers}`],
    ['indented', (headers: string) => Buffer.from(`\uFEFF \t\n${headers}`)]
  ])('by %s headers, with the first frames close behind', async (_, form) => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(form(JSON.stringify(handshakeOf(wallet))))
    rush(client)
    await expectAnswers(client)
  })

  it.each([-4 * MINUTE, 4 * MINUTE])('by a clock that is wrong by %i ms', async wrong => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(JSON.stringify(handshakeOf(wallet, { timestamp: Date.now() + wrong })))
    rush(client)
    await expectAnswers(client)
  })

  it('by header names and methods in any letter case, and with metadata', async () => {
    using client = await RawClient.open(env.app.rpcUrl)
    const headers = handshakeOf(wallet, { method: 'GET', metadata: { realm: 'Main', signer: 'dcl:explorer' } })
    const shouting = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
    client.send(JSON.stringify(shouting))
    rush(client)
    await expectAnswers(client)
  })
})

describe('a socket is closed with 3003', () => {
  const refused = async (message: string | Buffer): Promise<void> => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(message)
    rush(client)
    const { code, reason } = await client.closed
    expect([code, reason]).toEqual([3003, expect.stringMatching(/^The handshake was refused/)])
    expect(client.frames).toEqual([])
  }

  it.each<[string, Signed]>([
    ['is stale', { timestamp: Date.now() - 6 * MINUTE }],
    ['is from the future', { timestamp: Date.now() + 6 * MINUTE }],
    ['is for another path', { path: '/v1/friendships' }],
    ['is for another method', { method: 'post' }],
    ['is of a scene', { metadata: { signer: 'decentraland-kernel-scene' } }],
    ['is of a scene in other letters', { metadata: { SIGNER: 'Decentraland-Kernel-Scene' } }]
  ])('when the signature %s', async (_, signed) => {
    await refused(JSON.stringify(handshakeOf(wallet, signed)))
  })

  it('when the delegation has expired', async () => {
    await refused(JSON.stringify(handshakeOf(await createWallet(-1))))
  })

  it('when the chain is of somebody else', async () => {
    const own = handshakeOf(wallet)
    const other = handshakeOf(await createWallet())
    await refused(JSON.stringify({ ...own, 'x-identity-auth-chain-0': other['x-identity-auth-chain-0'] }))
  })

  it('when what was signed is not what is sent', async () => {
    await refused(JSON.stringify({ ...handshakeOf(wallet), 'x-identity-metadata': '{"realm":"other"}' }))
  })

  it.each([
    ['not JSON', '{oops'],
    ['without headers', '{}'],
    ['not UTF-8', Buffer.from('{"x":"\xff"}', 'latin1')],
    ['nested deep', `{"x":${'['.repeat(10_000)}`],
    ['of other types', '{"x-identity-auth-chain-0":{},"x-identity-timestamp":1}'],
    ['without a chain', JSON.stringify({ 'x-identity-timestamp': String(Date.now()), 'x-identity-metadata': '{}' })]
  ])('when the headers are %s', async (_, headers) => {
    await refused(headers)
  })
})

describe('who does not say in time who they are', () => {
  const start = () => startService({ HANDSHAKE_TIMEOUT: '300ms' })

  it('is closed with 3004, whatever else they send', async () => {
    await using env = await start()
    using silent = await RawClient.open(env.app.rpcUrl)
    using busy = await RawClient.open(env.app.rpcUrl)
    busy.send(createPort(1))
    busy.send(requestModule(2, 1, 'FriendshipsService'))
    let number = 3
    const traffic = setInterval(() => busy.send(request(++number, 1, 1)), 20)
    expect((await busy.closed).code).toBe(3004)
    clearInterval(traffic)
    expect((await silent.closed).code).toBe(3004)
  })

  it('does not trouble those who did', async () => {
    await using env = await start()
    const dave = await connectV2(env)
    using silent = await RawClient.open(env.app.rpcUrl)
    await silent.closed
    expect(await dave.service.getFriends({})).toMatchObject({ friends: [] })
  })
})

it('who comes when the server is full is closed with 1013, and comes in when there is room', async () => {
  await using env = await startService({ MAX_CONNECTIONS: '2' })
  const [dave] = [await connectV2(env), await connectV2(env)]
  using late = await RawClient.open(env.app.rpcUrl)
  late.send(JSON.stringify(handshakeOf(wallet)))
  expect((await late.closed).code).toBe(1013)
  dave.socket.close()
  await until(async () => {
    using again = await RawClient.open(env.app.rpcUrl)
    again.send(JSON.stringify(handshakeOf(wallet)))
    rush(again)
    return (await again.next().catch(() => null)) !== null
  }, 'there is room')
})

describe('while the handshake is verified', () => {
  // A contract wallet is verified by a node, which answers when the test wants it to.
  const CONTRACT = '0x00000000000000000000000000000000000000c0'
  let gate = Promise.resolve()
  let node: Awaited<ReturnType<typeof startEthereumNode>>
  let slow: Env
  const gatekeeper = createServer(async (call, response) => {
    const body = await text(call)
    await gate
    response.end(await (await fetch(node.url, { method: 'POST', body })).text())
  })
  beforeAll(async () => {
    node = await startEthereumNode(() => ({ result: `0x1626ba7e${'0'.repeat(56)}` }))
    const port = await listenOnFreePort(gatekeeper)
    const settings = { ETHEREUM_RPC_URL: `http://127.0.0.1:${port}`, ETHEREUM_TIMEOUT: '30s', PRESENCE_GRACE: '0ms' }
    slow = await startService(settings)
  })
  afterAll(async () => {
    await slow.stop()
    gatekeeper.close()
    await node[Symbol.asyncDispose]()
  })

  const close = (): (() => void) => {
    let open = (): void => undefined
    gate = new Promise(resolve => {
      open = resolve
    })
    return open
  }

  const headers = (): string => {
    const timestamp = String(Date.now())
    const links = [
      { type: 'SIGNER', payload: CONTRACT, signature: '' },
      { type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload: `get:/:${timestamp}:{}`, signature: `0x${'ab'.repeat(65)}` }
    ]
    const chain = links.map((link, at) => [`x-identity-auth-chain-${at}`, JSON.stringify(link)])
    return JSON.stringify({
      ...Object.fromEntries(chain),
      'x-identity-timestamp': timestamp,
      'x-identity-metadata': '{}'
    })
  }

  it('frames are kept, and answered when it is done', async () => {
    const open = close()
    using client = await RawClient.open(slow.app.rpcUrl)
    client.send(headers())
    rush(client)
    await client.taken()
    expect(client.frames).toEqual([])
    open()
    await expectAnswers(client)
  })

  it('a socket that closes leaves nothing behind: its user never was online', async () => {
    const watcher = await loginV2(slow)
    const updates = await listen(slow, watcher.address, watcher.client.subscribeToFriendConnectivityUpdates())
    const state = async () => connectivity(await updates.next()).slice(CONTRACT.length + 1)
    await watcher.client.requestFriendship(CONTRACT)
    {
      using client = await RawClient.open(slow.app.rpcUrl)
      client.send(headers())
      await accept(client, watcher.address)
      expect(await state()).toBe('online')
    }
    expect(await state()).toBe('offline')

    const open = close()
    const asked = node.calls.length
    using hasty = await RawClient.open(slow.app.rpcUrl)
    hasty.send(headers())
    await hasty.taken()
    hasty.socket.close()
    await hasty.closed
    open()
    await until(() => node.calls.length > asked, 'the node has answered')

    using patient = await RawClient.open(slow.app.rpcUrl)
    patient.send(headers())
    await until(() => updates.items.length > 0, 'somebody is online')
    patient.socket.close()
    const last = await loginV2(slow)
    await last.client.requestFriendship(watcher.address)
    await watcher.client.acceptFriendshipRequest(last.address)
    const states: string[] = []
    const all = [`${CONTRACT} offline`, `${last.address} online`]
    while (!all.every(state => states.includes(state))) states.push(connectivity(await updates.next()))
    expect(states.filter(state => state.startsWith(CONTRACT))).toEqual([`${CONTRACT} online`, `${CONTRACT} offline`])
  })
})
