import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { FakeHomeserver } from '../../env/fake-homeserver.ts'
import { FaultProxy } from '../../env/fault-proxy.ts'
import { loginBody } from '../../env/login.ts'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { paced } from '../../env/pace.ts'
import { describeWithSynapse, type Synapse, startSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { Homeserver } from '../homeserver.ts'

describeWithSynapse('a login in front of a homeserver', () => {
  let synapse: Synapse
  let homeserver: Homeserver
  let env: MatrixEnv

  beforeAll(async () => {
    synapse = await startSynapse()
    homeserver = new Homeserver(synapse)
    env = await MatrixEnv.start(synapse, { MATRIX_TIMEOUT: '5s' })
  })
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await homeserver.client.close()
    await synapse.stop()
  })

  const devicesOf = async (userId: string): Promise<string[]> => {
    const path = `${CLIENT}/devices?user_id=${part(userId)}`
    const { devices } = await homeserver.fetchJson<{ devices: { device_id: string }[] }>('GET', path, synapse.asToken)
    return devices.map(({ device_id }) => device_id)
  }

  const finds = ({ rest }: MatrixUser, { address, userId }: MatrixUser): Promise<void> =>
    until(async () => {
      const found = await rest.post(`${CLIENT}/user_directory/search`, { search_term: address })
      return found.body.results?.some(({ user_id }: { user_id: string }) => user_id === userId)
    }, 'the user is found')

  test('creates an account there that has a name and is found by its address', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const profile = await bob.rest.get(`${CLIENT}/profile/${part(alice.userId)}`)
    expect(profile.body).toMatchObject({ displayname: alice.address })
    await finds(bob, alice)
  })

  test('completes an account there whose creation broke off', async () => {
    await using proxy = await FaultProxy.start(synapse.url)
    const { serverName, asToken, hsToken } = synapse
    await using through = await MatrixEnv.start({ url: proxy.url, serverName, asToken, hsToken })
    proxy.mischief = (method, path) => (method === 'PUT' && path.includes('/displayname') ? '500' : null)
    const alice = await through.login()
    proxy.mischief = () => null
    expect((await alice.rest.get(`${CLIENT}/joined_rooms`)).status).toBe(200)
    await finds(await env.login(), alice)
  })

  test('gives a token of the service, which the homeserver does not know', async () => {
    const alice = await env.login()
    expect((await alice.rest.get(`${CLIENT}/sync?timeout=0`)).status).toBe(200)
    await expect(homeserver.client.whoami(alice.rest.token ?? '')).rejects.toMatchObject({ kind: 'unauthorized' })
  })

  test('has the same device on both sides', async () => {
    const wallet = await createWallet()
    const [first, named] = [await env.login(wallet), await env.login(wallet, 'PHONE')]
    expect(named.deviceId).toBe('PHONE')
    expect((await named.rest.get(`${CLIENT}/account/whoami`)).body).toEqual({
      user_id: named.userId,
      device_id: 'PHONE'
    })
    expect((await devicesOf(named.userId)).toSorted()).toEqual([first.deviceId, 'PHONE'].toSorted())
  })

  test('ends on both sides, at once', async () => {
    const wallet = await createWallet()
    const [phone, tablet] = [await env.login(wallet, 'PHONE'), await env.login(wallet, 'TABLET')]
    expect((await phone.rest.post(`${CLIENT}/logout`)).status).toBe(200)
    expect(await phone.rest.get(`${CLIENT}/sync?timeout=0`)).toMatchObject({
      status: 401,
      body: { errcode: 'M_UNKNOWN_TOKEN' }
    })
    expect(await devicesOf(phone.userId)).toEqual(['TABLET'])
    expect((await tablet.rest.get(`${CLIENT}/sync?timeout=0`)).status).toBe(200)
  })

  test('ends with all others of the user', async () => {
    const wallet = await createWallet()
    const users = [await env.login(wallet, 'A'), await env.login(wallet, 'B'), await env.login(wallet, 'C')]
    expect((await users[0]?.rest.post(`${CLIENT}/logout/all`))?.status).toBe(200)
    for (const { rest } of users) expect((await rest.get(`${CLIENT}/joined_rooms`)).status).toBe(401)
    expect(await devicesOf(users[0]?.userId ?? '')).toEqual([])
  })

  test('is there under every prefix, and never goes to the homeserver itself', async () => {
    for (const prefix of ['r0', 'v3', 'v1', 'unstable', 'api/v1']) {
      const wallet = await createWallet()
      const path = `/_matrix/client/${prefix}`
      const { body } = await env.rest.post(`${path}/login`, loginBody(wallet))
      expect(body).toMatchObject({
        social_user_id: wallet.address,
        home_server: 'localhost',
        well_known: { 'm.homeserver': { base_url: env.rest.url } }
      })
      const rest = env.rest.as(body.access_token)
      expect((await rest.get(`${path}/account/whoami`)).body).toMatchObject({ device_id: body.device_id })
      const service = { type: 'm.login.application_service', identifier: { type: 'm.id.user', user: wallet.address } }
      expect(await env.rest.as(synapse.asToken).post(`${path}/login`, service)).toMatchObject({ status: 400 })
      expect((await rest.post(`${path}/logout`)).status).toBe(200)
      expect((await env.rest.post(`${path}/register`, { username: 'mallory' })).status).toBe(404)
    }
  })

  test('is renewed there when the homeserver has forgotten it', async () => {
    const alice = await env.login()
    // The same device logs in past the service: its earlier token is unknown from now on.
    await homeserver.client.loginAs(alice.address, alice.deviceId)
    const answers = await Promise.all([1, 2, 3].map(() => alice.rest.get(`${CLIENT}/joined_rooms`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    await homeserver.client.loginAs(alice.address, alice.deviceId)
    const created = await alice.rest.post(`${CLIENT}/createRoom`, { preset: 'public_chat' })
    expect(created.status).toBe(200)
    await homeserver.client.loginAs(alice.address, alice.deviceId)
    const sent = await alice.rest.post(`${CLIENT}/rooms/${part(created.body.room_id)}/send/m.room.message`, {
      msgtype: 'm.text',
      body: 'hello'
    })
    expect(sent.status).toBe(200)
  })

  test('is refused chat as locked when its account is, and keeps its friendships', async () => {
    const alice = await env.login()
    await homeserver.changeAccount(alice.address, { locked: true })
    const locked = { status: 401, body: { errcode: 'M_USER_LOCKED' } }
    expect(await alice.rest.get(`${CLIENT}/joined_rooms`)).toMatchObject(locked)
    expect(await alice.rest.post(`${CLIENT}/createRoom`, { preset: 'public_chat' })).toMatchObject(locked)
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
    await homeserver.changeAccount(alice.address, { locked: false })
    expect((await alice.rest.get(`${CLIENT}/joined_rooms`)).status).toBe(200)
  })

  test('succeeds while the homeserver is away, and is made there on first use', async () => {
    await synapse.kill()
    const alice = await env.login()
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
    expect(await alice.rest.get(`${CLIENT}/joined_rooms`)).toMatchObject({
      status: 503,
      body: { errcode: 'M_UNKNOWN' }
    })
    await synapse.restart()
    expect((await alice.rest.get(`${CLIENT}/joined_rooms`)).body).toEqual({ joined_rooms: [] })
    expect(await devicesOf(alice.userId)).toEqual([alice.deviceId])
  })

  test('ends while the homeserver is away', async () => {
    const alice = await env.login()
    await synapse.kill()
    expect((await alice.rest.post(`${CLIENT}/logout`)).status).toBe(200)
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(401)
    await synapse.restart()
  })
})

test('waits a few seconds at most for a homeserver that hangs', async () => {
  await using homeserver = await FakeHomeserver.start()
  await using env = await MatrixEnv.start(homeserver, { MATRIX_TIMEOUT: '1m' })
  homeserver.isSilent = true
  const start = performance.now()
  const alice = await env.login()
  expect(performance.now() - start).toBeLessThan(paced(10_000))
  expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
})
