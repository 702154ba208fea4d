import { Authenticator } from '@dcl/crypto'
import { getSynapseToken } from '@dcl/social-rpc-client/dist/synapse.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { orderedPair } from '../../../src/domain/address.ts'
import { DECENTRALAND_LOGIN, describeWithSynapse, type Synapse, startSynapse } from '../../env/synapse.ts'
import { Homeserver, newAddress } from '../homeserver.ts'

interface MatrixAnswer {
  readonly errcode?: string
  readonly flows?: readonly unknown[]
}

describeWithSynapse('a homeserver of one’s own, with a Decentraland login', () => {
  let synapse: Synapse
  let homeserver: Homeserver

  beforeAll(async () => {
    synapse = await startSynapse({ serverName: 'matrix.example.org', modules: [DECENTRALAND_LOGIN] })
    homeserver = new Homeserver(synapse)
  })
  afterAll(async () => {
    await homeserver.client.close()
    await synapse.stop()
  })

  /** Logs in as clients do, with whatever is changed. */
  function login({ address, identity }: Wallet, changes: { user?: string; timestamp?: number } = {}) {
    const timestamp = String(changes.timestamp ?? Date.now())
    return homeserver.fetchJson<MatrixAnswer>('POST', '/_matrix/client/r0/login', '', {
      type: 'm.login.decentraland',
      identifier: { type: 'm.id.user', user: changes.user ?? address },
      timestamp,
      auth_chain: Authenticator.signPayload(identity, timestamp)
    })
  }

  test('offers the login', async () => {
    const { flows } = await homeserver.fetchJson<MatrixAnswer>('GET', '/_matrix/client/r0/login', '')
    expect(flows).toContainEqual({ type: 'm.login.decentraland' })
  })

  test('lets in whom the published client logs in, in any letter case, as one user', async () => {
    const { address, identity } = await createWallet()
    const spellings = [address, `0x${address.slice(2).toUpperCase()}`]
    for (const spelling of spellings) {
      const token = await getSynapseToken(synapse.url, spelling, identity)
      expect((await homeserver.client.whoami(token)).userId).toBe(`@${address}:matrix.example.org`)
    }
  })

  test('lets nobody in with a stale, expired or foreign auth chain', async () => {
    const [wallet, expired] = await Promise.all([createWallet(), createWallet(-1)])
    const denied = { errcode: 'M_FORBIDDEN' }
    expect(await login(wallet, { timestamp: Date.now() - 180_000 })).toMatchObject(denied)
    expect(await login(wallet, { timestamp: Date.now() + 180_000 })).toMatchObject(denied)
    expect(await login(wallet, { user: newAddress() })).toMatchObject(denied)
    expect(await login(expired)).toMatchObject(denied)
    expect(await login(wallet)).toHaveProperty('access_token')
  })

  test('leaves the aliases of pairs to this service', async () => {
    const { address, identity } = await createWallet()
    const token = await getSynapseToken(synapse.url, address, identity)
    const create = (room_alias_name: string) =>
      homeserver.fetchJson('POST', '/_matrix/client/v3/createRoom', token, { room_alias_name })
    const name = homeserver.client.ids.pairAliasName(orderedPair(address, newAddress()))
    expect(await create(name)).toMatchObject({ errcode: 'M_EXCLUSIVE' })
    expect(await create(`lobby-${address}`)).toHaveProperty('room_id')
  })

  test('knows after a kill what it acknowledged before, and does not send a message again', async () => {
    const { alice, alias, roomId } = await homeserver.newSharedRoom()
    const send = () =>
      homeserver.client.as(alice).sendMessage(roomId, `message-${alice}`, { msgtype: 'm.text', body: 'Hi' })
    const eventId = await send()
    await synapse.kill()
    await expect(homeserver.client.resolveAlias(alias)).rejects.toMatchObject({ kind: 'unavailable', retryable: true })
    await synapse.restart()
    expect(await homeserver.client.resolveAlias(alias)).toBe(roomId)
    expect(await send()).toBe(eventId)
  })
})
