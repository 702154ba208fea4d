import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FaultProxy } from '../../env/fault-proxy.ts'
import { CHAT_MODES, CLIENT, MatrixEnv, part } from '../../env/matrix.ts'
import { loginToChat } from '../../env/social-client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

/** How long the homeserver takes, in milliseconds: long enough for a logout that waits for nothing, and less than one waits at most. */
const SLOW_MS = 1_000
/** What comes late to the homeserver: it has to be before the logout that the client sent after it. */
const JOIN = '/join/'

describeWithSynapse.each(CHAT_MODES)('a logout in %s mode', mode => {
  let homeserver: FaultProxy
  let env: MatrixEnv
  const asked = (path: string): boolean => homeserver.requests.some(request => request.includes(path))

  beforeAll(async () => {
    const synapse = await sharedSynapse(mode)
    homeserver = await FaultProxy.start(synapse.url)
    env = await MatrixEnv.start({ ...synapse, url: homeserver.url }, { MATRIX_MODE: mode })
  })
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await homeserver[Symbol.asyncDispose]()
  })

  test.each(['logout', 'logout/all'])('lets the join finish that the client began before its %s', async logout => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))
    homeserver.requests.length = 0
    let hasEnded = false
    homeserver.delay = (_, path) =>
      path.includes(JOIN)
        ? Promise.race([
            until(() => hasEnded, 'the logout is done'),
            new Promise(resolve => setTimeout(resolve, SLOW_MS))
          ])
        : null

    const joined = bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
    await until(() => asked(JOIN), 'the join is under way')
    const loggedOut = bob.rest.post(`${CLIENT}/${logout}`)
    void loggedOut.then(() => {
      hasEnded = true
    })
    expect(await joined).toMatchObject({ status: 200, body: { room_id: body.room_id } })
    expect(await loggedOut).toMatchObject({ status: 200, body: {} })
    expect((await bob.rest.get('/v1/friendships/me')).status).toBe(401)
    expect((await bob.rest.get(`${CLIENT}/joined_rooms`)).status).toBe(401)
  })

  // As its own tests do after each (`clearClientList` in test/integration/TestEnvironments.ts of
  // decentraland/matrix-client, commit bd2b2d2): all log out at once, whatever they are doing.
  test('lets the published client join of its own accord, as it does while it logs out', async () => {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const { rest } = await env.login(alice)
    homeserver.requests.length = 0
    homeserver.delay = (_, path) => (path.includes(JOIN) ? new Promise(resolve => setTimeout(resolve, SLOW_MS)) : null)
    const { id } = await alice.client.createDirectConversation(bob.id)
    await until(() => asked(JOIN), 'bob has begun to join')
    await Promise.all([alice.client.logout(), bob.client.logout()])
    const { body } = await rest.get(`${CLIENT}/rooms/${part(id)}/joined_members`)
    expect(Object.keys(body.joined).toSorted()).toEqual([alice.id, bob.id].toSorted())
  })

  test('is carried out though its client went away while it waited', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))
    homeserver.requests.length = 0
    let release = (): void => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    homeserver.delay = (_, path) => (path.includes(JOIN) ? held : null)
    const joined = bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
    await until(() => asked(JOIN), 'the join is under way')
    const headers = { authorization: `Bearer ${bob.rest.token}`, 'content-length': 0, expect: '100-continue' }
    const logout = request(`${env.env.app.httpUrl}${CLIENT}/logout`, { method: 'POST', headers })
    logout.flushHeaders()
    await once(logout, 'continue')
    logout.on('error', () => {})
    logout.destroy()
    release()
    expect((await joined).status).toBe(200)
    await until(async () => (await bob.rest.get('/v1/friendships/me')).status === 401, 'the session is over')
    await until(() => asked('/logout'), 'it is over on the homeserver')
  })
})
