import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { type OnCall, startEthereumNode } from '../auth/ethereum-node.ts'
import type { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { valueIn } from '../env/metric.ts'
import { freePort } from '../env/ports.ts'
import { type LoggedIn, Rest, startService } from '../env/rest.ts'
import { fetchSigned, signedHeaders } from '../env/signed-fetch.ts'

const CONFIG = '/v1/account/config'
const MUTES = '/v1/mutes'
const MINUTE = 60_000
const SCENE = 'decentraland-kernel-scene'

let env: Env
let rest: Rest
let wallet: Wallet
beforeAll(async () => {
  const HTTP_PORT = String(await freePort())
  env = await startService({ HTTP_PORT, PUBLIC_HTTP_URL: 'https://social.example/base' })
  // Not by its public URL, where there should be a proxy.
  rest = new Rest(`http://127.0.0.1:${HTTP_PORT}`)
  wallet = await createWallet()
})
afterAll(() => env.stop())

describe('a signed fetch', () => {
  it('is as good as a token on every route under /v1, also under their older paths', async () => {
    const config = { config: { friends: 'FRIENDS', friendsCount: 'EVERYONE' } }
    const call = (method: string, path: string, json?: unknown) =>
      fetchSigned(wallet, method, rest.url + path, { json, metadata: { Realm: 'Hela', isGuest: false } })
    for (const root of ['/v1/friendships', '/friendships']) {
      expect(await call('GET', `${root}/me?limit=10&offset=0`)).toMatchObject({
        status: 200,
        body: { friendships: [] }
      })
      expect(await call('GET', `${root}/${wallet.address}/mutuals`)).toMatchObject({ status: 200 })
      expect(await call('GET', `${root}/@${wallet.address}:localhost/count`)).toMatchObject({ body: { count: 0 } })
      expect(await call('GET', `${root}/me/requests`)).toMatchObject({ body: { incoming: [], outgoing: [] } })
      expect(await call('HEAD', `${root}/me`)).toMatchObject({ status: 200, text: '' })
    }
    expect(await call('PUT', CONFIG, config)).toMatchObject({ status: 200, body: config })
    expect(await call('GET', CONFIG)).toMatchObject({ status: 200, body: config })
    expect(await call('POST', MUTES, { muted_address: (await createWallet()).address })).toMatchObject({ status: 204 })
    expect(await call('GET', MUTES)).toMatchObject({ status: 200, body: { data: { total: 1 } } })
  })

  it('is the same user as one with a token', async () => {
    const alice = await rest.login(wallet)
    await alice.rest.put(CONFIG, { config: { friends: 'EVERYONE' } })
    expect((await fetchSigned(wallet, 'GET', rest.url + CONFIG)).body.config.friends).toBe('EVERYONE')
  })

  it('may be of the path that clients call at the proxy', async () => {
    expect((await rest.get(CONFIG, signedHeaders(wallet, 'get', `/base${CONFIG}`))).status).toBe(200)
    expect((await rest.get(CONFIG, signedHeaders(wallet, 'get', `/other${CONFIG}`))).status).toBe(401)
  })

  it('counts less than a token beside it', async () => {
    const alice: LoggedIn = await rest.login()
    const signed = signedHeaders(wallet, 'get', CONFIG)
    await alice.rest.put(CONFIG, { config: { friendsCount: 'FRIENDS' } })
    expect((await alice.rest.get(CONFIG, signed)).body.config.friendsCount).toBe('FRIENDS')
    expect((await rest.as('made-up').get(CONFIG, signed)).status).toBe(401)
    expect((await rest.get(CONFIG, { ...signed, authorization: 'Basic YTpi' })).status).toBe(200)
  })

  it('is good for reading again until it is stale', async () => {
    const signed = signedHeaders(wallet, 'get', CONFIG)
    for (let time = 0; time < 3; time += 1) expect((await rest.get(CONFIG, signed)).status).toBe(200)
  })

  it('is not taken where a session is needed', async () => {
    const path = '/_matrix/client/v3/account/whoami'
    expect((await rest.get(path, signedHeaders(wallet, 'get', path))).status).toBe(401)
  })
})

describe('a signed fetch is refused', () => {
  const at = (timestamp: number): Record<string, string> => signedHeaders(wallet, 'get', CONFIG, { timestamp })
  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(at(Date.now())).filter(([key]) => key !== name))

  it.each<[string, number, () => Record<string, string>]>([
    ['that is stale', 401, () => at(Date.now() - 6 * MINUTE)],
    ['that is of the future', 401, () => at(Date.now() + 6 * MINUTE)],
    ['of another path', 401, () => signedHeaders(wallet, 'get', MUTES)],
    ['of the path of a socket', 401, () => signedHeaders(wallet, 'get', '/')],
    ['of another method', 401, () => signedHeaders(wallet, 'put', CONFIG)],
    ['of a scene', 401, () => signedHeaders(wallet, 'get', CONFIG, { metadata: { signer: SCENE } })],
    ['with other metadata', 401, () => ({ ...at(Date.now()), 'x-identity-metadata': '{"a":1}' })],
    ['without its signature', 401, () => without('x-identity-auth-chain-2')],
    ['without a time', 400, () => without('x-identity-timestamp')],
    ['with a link that is no JSON', 400, () => ({ ...at(Date.now()), 'x-identity-auth-chain-1': '{' })],
    ['without its first link, as one that is none', 400, () => without('x-identity-auth-chain-0')]
  ])('%s', async (_, status, headers) => {
    const answer = await rest.get(CONFIG, headers())
    expect([answer.status, answer.body.code]).toEqual([status, status])
    expect(Object.keys(answer.body)).toEqual(['code', 'error', 'message'])
  })

  it('whose delegation has ended', async () => {
    const ended = await createWallet(-1)
    expect((await rest.get(CONFIG, signedHeaders(ended, 'get', CONFIG))).status).toBe(401)
  })

  it('before its body is looked at', async () => {
    const headers = { ...at(Date.now() - 6 * MINUTE), 'content-type': 'application/json' }
    expect((await rest.send('PUT', CONFIG, { text: 'x'.repeat(1_000_000), headers })).status).toBe(401)
  })
})

describe('the signature of a change', () => {
  const change = (headers: Record<string, string>, friends: string, path = CONFIG) =>
    rest.send('PUT', path, { json: { config: { friends } }, headers })

  it('is good for the same request again, and for no other', async () => {
    const alice = await createWallet()
    const signed = signedHeaders(alice, 'put', CONFIG)
    expect((await change(signed, 'FRIENDS')).status).toBe(200)
    expect((await change(signed, 'FRIENDS')).status).toBe(200)
    expect(await change(signed, 'EVERYONE')).toMatchObject({ status: 403, body: { code: 403 } })
    expect((await change(signed, 'FRIENDS', `${CONFIG}?other`)).status).toBe(403)
    expect((await rest.get(CONFIG, signedHeaders(alice, 'get', CONFIG))).body.config.friends).toBe('FRIENDS')
    expect((await change(signedHeaders(alice, 'put', CONFIG, { timestamp: Date.now() + 1 }), 'EVERYONE')).status).toBe(
      200
    )
  })

  it('is not used up by a request that was refused for its form', async () => {
    const signed = signedHeaders(await createWallet(), 'put', CONFIG)
    expect((await change(signed, 'NOBODY')).status).toBe(400)
    expect((await change(signed, 'FRIENDS')).status).toBe(200)
  })
})

describeWithPostgres('with several instances', () => {
  it('the signature of a change is good for one request on all of them', async () => {
    const DATABASE_URL = await freshPostgres()
    await using one = await startService({ DATABASE_URL })
    await using two = await startService({ DATABASE_URL })
    const signed = signedHeaders(wallet, 'put', CONFIG)
    const change = async ({ app }: Env, friends: string): Promise<number> =>
      (await new Rest(app.httpUrl).send('PUT', CONFIG, { json: { config: { friends } }, headers: signed })).status
    expect(await change(one, 'FRIENDS')).toBe(200)
    expect(await change(two, 'EVERYONE')).toBe(403)
    expect(await change(two, 'FRIENDS')).toBe(200)
  })
})

it('signed fetches that are refused count as failed logins of their address, and are not looked at above that', async () => {
  await using limited = await startService({ FAILED_LOGINS_PER_MINUTE: '2', METRICS_TOKEN: 'metrics' })
  const client = new Rest(limited.app.httpUrl)
  const known = await client.login()
  const stale = signedHeaders(known, 'get', CONFIG, { timestamp: Date.now() - 6 * MINUTE })
  const malformed = { ...signedHeaders(known, 'get', CONFIG), 'x-identity-timestamp': 'x' }
  expect((await known.rest.get(CONFIG)).status).toBe(200)
  expect((await client.get(CONFIG, stale)).status).toBe(401)
  expect((await client.get(CONFIG, malformed)).status).toBe(400)
  expect((await client.get(CONFIG, stale)).status).toBe(401)
  expect((await client.get(CONFIG, signedHeaders(known, 'get', CONFIG))).status).toBe(429)
  expect((await known.rest.get(CONFIG)).status).toBe(200)
  const { text } = await client.as('metrics').get('/metrics')
  expect(valueIn(text, 'social_refused_total{budget="failed-logins"}')).toBe(1)
})

it('the limits of a user hold for who signs', async () => {
  await using limited = await startService({ CALLS_PER_SECOND: '5' })
  const client = new Rest(limited.app.httpUrl)
  const signed = signedHeaders(wallet, 'get', CONFIG)
  const statuses = await Promise.all(Array.from({ length: 30 }, async () => (await client.get(CONFIG, signed)).status))
  expect(statuses).toContain(429)
})

describe('a contract wallet', () => {
  const OWNER = '0x00000000000000000000000000000000000000c0'
  const SIGNATURE = `0x${'ab'.repeat(130)}`
  const confirms: OnCall = ({ to, signature }) =>
    to === OWNER && `0x${signature}` === SIGNATURE
      ? { result: `0x1626ba7e${'0'.repeat(56)}` }
      : { error: { code: 3, message: 'execution reverted' } }

  const headersOf = (signature: string): Record<string, string> => {
    const timestamp = String(Date.now())
    const payload = `get:${CONFIG}:${timestamp}:{}`
    return {
      'x-identity-auth-chain-0': JSON.stringify({ type: 'SIGNER', payload: OWNER, signature: '' }),
      'x-identity-auth-chain-1': JSON.stringify({ type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload, signature }),
      'x-identity-timestamp': timestamp,
      'x-identity-metadata': '{}'
    }
  }

  it('signs when its contract confirms it, as often in a minute as it may', async () => {
    await using node = await startEthereumNode(confirms)
    await using service = await startService({ ETHEREUM_RPC_URL: node.url, CONTRACT_WALLETS_PER_MINUTE: '2' })
    const client = new Rest(service.app.httpUrl)
    expect((await client.get(CONFIG, headersOf(SIGNATURE))).status).toBe(200)
    expect((await client.get(CONFIG, headersOf(`0x${'cd'.repeat(65)}`))).status).toBe(401)
    expect((await client.get(CONFIG, headersOf(SIGNATURE))).status).toBe(429)
    // Whoever needs no node notices nothing.
    expect((await client.get(CONFIG, signedHeaders(wallet, 'get', CONFIG))).status).toBe(200)
  })
})
