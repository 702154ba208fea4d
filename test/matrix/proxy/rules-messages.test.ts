import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { newAddress } from '../homeserver.ts'

const FORBIDDEN = { status: 403, body: { errcode: 'M_FORBIDDEN' } }
const MESSAGE = { msgtype: 'm.text', body: 'Hi' }

describeWithSynapse('what is sent to a room', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const roomPath = (roomId: string, prefix = CLIENT) => `${prefix}/rooms/${part(roomId)}`
  const timeline = async ({ rest }: MatrixUser, roomId: string): Promise<{ type: string; content: object }[]> =>
    (await rest.get(`${roomPath(roomId)}/messages?dir=f&limit=100`)).body.chunk

  test('is said, in words or otherwise', async () => {
    const { alice, roomId } = await env.pair()
    for (const type of ['m.room.message', 'm.reaction', 'm.sticker', 'com.example.wave']) {
      expect((await alice.rest.post(`${roomPath(roomId)}/send/${type}`, MESSAGE)).status).toBe(200)
    }
  })

  test('takes back nothing that is in it, of either user', async () => {
    const { alice, bob, roomId } = await env.pair()
    const sent = await alice.rest.post(`${roomPath(roomId)}/send/m.room.message`, MESSAGE)
    const before = await timeline(alice, roomId)
    const alias = (await bob.rest.get(`${roomPath(roomId)}/state/m.room.canonical_alias?format=event`)).body
    for (const prefix of ['r0', 'v3', 'v1', 'unstable', 'api/v1'].map(version => `/_matrix/client/${version}`)) {
      const room = roomPath(roomId, prefix)
      for (const redacts of [sent.body.event_id, alias.event_id]) {
        expect(await bob.rest.post(`${room}/send/m.room.redaction`, { redacts })).toMatchObject(FORBIDDEN)
        expect(await bob.rest.put(`${room}/send/m.room.redaction/t`, { redacts })).toMatchObject(FORBIDDEN)
        expect((await bob.rest.put(`${room}/redact/${part(redacts)}/t`, {})).status).toBe(404)
      }
    }
    expect((await timeline(alice, roomId)).map(({ content }) => content)).toEqual(before.map(({ content }) => content))
  })

  test.each([
    'org.decentraland.friendship',
    'm.room.member',
    'm.room.create',
    'm.room.power_levels',
    'm.room.canonical_alias'
  ])('is not what only looks like state: %s', async type => {
    const { alice, bob, roomId } = await env.pair()
    const before = await timeline(bob, roomId)
    for (const path of [`send/${type}`, `send/${type}/t`]) {
      const method = path.endsWith('/t') ? 'PUT' : 'POST'
      const answer = await alice.rest.send(method, `${roomPath(roomId)}/${path}`, { json: { type: 'accept' } })
      expect(answer).toMatchObject(FORBIDDEN)
    }
    expect(await timeline(bob, roomId)).toHaveLength(before.length)
    expect((await alice.rest.get('/v1/friendships/me')).body.friendships).toEqual([])
  })
})

describeWithSynapse('rooms for two', () => {
  test('are asked for no more often than friendships are', async () => {
    await using env = await MatrixEnv.start(await sharedSynapse(), {
      ACTIONS_PER_MINUTE: '4',
      PAIR_ACTIONS_PER_MINUTE: '2'
    })
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const ask = (by: MatrixUser, address: string) =>
      by.rest.post(`${CLIENT}/createRoom`, { invite: [`@${address}:localhost`] })
    const stranger = newAddress()
    const limited = { status: 429, body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: expect.any(Number) } }
    expect((await ask(alice, bob.address)).status).toBe(200)
    expect((await ask(alice, bob.address)).status).toBe(200)
    expect(await ask(alice, bob.address)).toMatchObject(limited)
    expect((await ask(alice, newAddress())).status).toBe(200)
    expect(await ask(alice, stranger)).toMatchObject(limited)
    expect((await bob.rest.get(`${CLIENT}/profile/${part(`@${stranger}:localhost`)}`)).status).toBe(404)
    expect((await ask(bob, alice.address)).status).toBe(200)
  })

  test('are for two, however often each is named', async () => {
    await using env = await MatrixEnv.start(await sharedSynapse(), { MATRIX_ALLOW_PRIVATE_ROOMS: 'true' })
    const { alice, bob, roomId } = await env.pair()
    const loud = bob.userId.replace(bob.address.slice(2), bob.address.slice(2).toUpperCase())
    for (const invite of [
      [bob.userId, bob.userId],
      [bob.userId, loud],
      [alice.userId, bob.userId]
    ]) {
      expect((await alice.rest.post(`${CLIENT}/createRoom`, { invite })).body).toEqual({ room_id: roomId })
    }
  })
})
