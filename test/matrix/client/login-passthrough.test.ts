import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { FakeHomeserver, sendJson } from '../../env/fake-homeserver.ts'
import { loginBody } from '../../env/login.ts'
import { CLIENT, MatrixEnv, part } from '../../env/matrix.ts'
import { PresenceClient } from '../../env/presence-client.ts'
import { describeWithSynapse, PASSTHROUGH_HOMESERVER, type Synapse, startSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { Homeserver } from '../homeserver.ts'

const PASSTHROUGH = { MATRIX_MODE: 'passthrough' }
const UNKNOWN_TOKEN = { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN' } }

describeWithSynapse('a login that the homeserver checks', () => {
  let synapse: Synapse
  let homeserver: Homeserver
  let env: MatrixEnv

  beforeAll(async () => {
    synapse = await startSynapse(PASSTHROUGH_HOMESERVER)
    homeserver = new Homeserver(synapse)
    env = await MatrixEnv.start(synapse, PASSTHROUGH)
  })
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await homeserver.client.close()
    await synapse.stop()
  })

  test('gives the token of the homeserver, and says whose it is by address', async () => {
    const wallet = await createWallet()
    for (const prefix of ['r0', 'v3']) {
      const { body } = await env.rest.post(`/_matrix/client/${prefix}/login`, loginBody(wallet))
      expect(body).toMatchObject({ social_user_id: wallet.address, user_id: env.userId(wallet.address) })
      expect((await homeserver.client.whoami(body.access_token)).userId).toBe(env.userId(wallet.address))
    }
  })

  test('is refused in the words of the homeserver', async () => {
    const [wallet, other] = await Promise.all([createWallet(), createWallet()])
    const body = { ...loginBody(wallet), identifier: { type: 'm.id.user', user: other.address } }
    const direct = await homeserver.fetchJson('POST', `${CLIENT}/login`, '', body)
    expect(await env.rest.post(`${CLIENT}/login`, body)).toMatchObject({ status: 403, body: direct })
    expect(await env.rest.post(`${CLIENT}/login`, { type: 'm.login.unheard-of' })).toMatchObject({ status: 400 })
  })

  test('serves friendships over REST and RPC, and chat', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))
    await bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
    const state = `${CLIENT}/rooms/${part(body.room_id)}/state/org.decentraland.friendship/`
    const requested = await alice.rest.put(state, { type: 'request' })
    expect(requested.body.event_id).toMatch(/^\$/)
    expect((await bob.rest.get('/v1/friendships/me/requests')).body.incoming).toMatchObject([
      { address: alice.address }
    ])
    await bob.rest.put(state, { type: 'accept' })
    expect((await alice.rest.get('/v1/friendships/me')).body.friendships).toEqual([{ address: bob.address }])
    const message = { msgtype: 'm.text', body: 'Hi' }
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    expect((await bob.rest.put(`${room}/send/m.room.message/t`, message)).status).toBe(200)
  })

  test('keeps the rules, with the aliases in the hands of clients', async () => {
    const [alice, bob, mallory] = await Promise.all([env.login(), env.login(), env.login()])
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    expect((await alice.rest.post(`${room}/invite`, { user_id: mallory.userId })).status).toBe(403)
    expect((await alice.rest.post(`${CLIENT}/createRoom`, { preset: 'private_chat' })).status).toBe(403)
  })

  test('ends everywhere at once', async () => {
    const wallet = await createWallet()
    const [first, second, third] = [await env.login(wallet), await env.login(wallet), await env.login(wallet)]
    for (const { rest } of [first, second, third]) expect((await rest.get('/v1/friendships/me')).status).toBe(200)
    expect((await first.rest.post(`${CLIENT}/logout`)).status).toBe(200)
    expect((await first.rest.get('/v1/friendships/me')).status).toBe(401)
    expect((await second.rest.get('/v1/friendships/me')).status).toBe(200)
    expect((await second.rest.post(`${CLIENT}/logout/all`)).status).toBe(200)
    expect((await third.rest.get('/v1/friendships/me')).status).toBe(401)
    expect(await third.rest.get(`${CLIENT}/joined_rooms`)).toMatchObject(UNKNOWN_TOKEN)
  })

  test('is over with the next request that the homeserver refuses when it ended past the service', async () => {
    const alice = await env.login()
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
    await homeserver.client.logout(alice.rest.token ?? '')
    expect(await alice.rest.get(`${CLIENT}/joined_rooms`)).toMatchObject(UNKNOWN_TOKEN)
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(401)
  })

  test('is a clear error while the homeserver is away, but for those whom the service knows', async () => {
    const alice = await env.login()
    await alice.rest.get('/v1/friendships/me')
    const stranger = await env.login()
    await synapse.kill()
    const away = { status: 503, body: { errcode: 'M_UNKNOWN', error: expect.stringContaining('homeserver') } }
    expect(await env.rest.post(`${CLIENT}/login`, loginBody(await createWallet()))).toMatchObject(away)
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
    const unknown = await stranger.rest.get('/v1/friendships/me')
    expect(unknown).toMatchObject({ status: 503, body: { message: expect.stringContaining('homeserver') } })
    await synapse.restart()
    expect((await stranger.rest.get('/v1/friendships/me')).status).toBe(200)
  })
})

test('calls the homeserver once for the owner of a token', async () => {
  await using homeserver = await FakeHomeserver.start()
  await using env = await MatrixEnv.start(homeserver, PASSTHROUGH)
  const { address } = await createWallet()
  homeserver.answer = (_, response) => sendJson(response, 200, { user_id: env.userId(address), device_id: 'D' })
  const alice = env.rest.as('token-of-alice')
  const answers = await Promise.all([1, 2, 3, 4].map(() => alice.get('/v1/friendships/me')))
  answers.push(await alice.get('/v1/friendships/me'))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(homeserver.received.map(({ url }) => url)).toEqual([`${CLIENT}/account/whoami`])
})

test('refuses the homeserver’s own users and those of others', async () => {
  await using homeserver = await FakeHomeserver.start()
  await using env = await MatrixEnv.start(homeserver, PASSTHROUGH)
  const { address } = await createWallet()
  for (const user_id of ['@admin:localhost', `@${address}:evil.com`]) {
    homeserver.answer = (_, response) => sendJson(response, 200, { user_id, device_id: 'D' })
    expect((await env.rest.as(user_id).get('/v1/friendships/me')).status).toBe(403)
  }
})

test('ends streams with their session, also those whose token is no longer in the cache', async () => {
  await using homeserver = await FakeHomeserver.start()
  await using matrix = await MatrixEnv.start(homeserver, { ...PASSTHROUGH, TOKEN_CACHE_SIZE: '1' })
  const [alice, bob] = await Promise.all([createWallet(), createWallet()])
  homeserver.answer = ({ headers }, response) => {
    const { address } = headers.authorization?.includes('alice') ? alice : bob
    sendJson(response, 200, { user_id: matrix.userId(address), device_id: 'D' })
  }
  const { env, rest } = matrix
  const client = await PresenceClient.connect(env.app, alice, 'token-of-alice')
  env.onStop(() => client.disconnect())
  const observations = await env.opened(alice.address, () => client.observe())
  expect((await rest.as('token-of-bob').get('/v1/friendships/me')).status).toBe(200)
  expect((await rest.as('another-of-alice').post(`${CLIENT}/logout/all`)).status).toBe(200)
  await until(() => observations.ended !== null, 'the stream ends')
  expect(observations.ended).toBe('unauthorizedError')
})
