import { PrivateMessagePrivacySetting } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { loginV2 } from '../../env/v2.ts'

const TEXT = 'these-are-words'
const MESSAGE = { msgtype: 'm.text', body: 'Hi' }

describeWithSynapse('in the room of two users', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  async function block(blocker: MatrixUser, blocked: MatrixUser): Promise<void> {
    const { client } = await loginV2(env.env, blocker)
    await client.blockUser(blocked.address)
    await client.disconnect()
  }

  async function takeMessagesOfFriendsOnly(user: MatrixUser): Promise<void> {
    const { client } = await loginV2(env.env, user)
    await client.upsertSocialSettings({ privateMessagesPrivacy: PrivateMessagePrivacySetting.ONLY_FRIENDS })
    await client.disconnect()
  }

  /** All that is new to a user, as text. */
  async function news(user: MatrixUser, since: string): Promise<string> {
    return (await user.rest.get(`${CLIENT}/sync?timeout=0&since=${part(since)}`)).text
  }
  const now = async (user: MatrixUser): Promise<string> =>
    (await user.rest.get(`${CLIENT}/sync?timeout=0`)).body.next_batch

  /** What somebody lets another notice without a message. */
  const signals = (user: MatrixUser, roomId: string, eventId: string) =>
    [
      ['PUT', `rooms/${part(roomId)}/typing/${part(user.userId)}`, { typing: true, timeout: 30_000 }],
      ['POST', `rooms/${part(roomId)}/receipt/m.read/${part(eventId)}`, {}],
      ['POST', `rooms/${part(roomId)}/read_markers`, { 'm.read': eventId }]
    ] as const

  /** Two users, the one with a message of the other. */
  async function written(): Promise<{ alice: MatrixUser; bob: MatrixUser; roomId: string; eventId: string }> {
    const users = await env.pair()
    const { body } = await users.alice.rest.post(`${CLIENT}/rooms/${part(users.roomId)}/send/m.room.message`, MESSAGE)
    return { ...users, eventId: body.event_id }
  }

  /** What is said in passing with a change of membership. */
  const departures = (user: MatrixUser, roomId: string) =>
    [
      ['POST', `rooms/${part(roomId)}/leave`, { reason: TEXT }],
      ['PUT', `rooms/${part(roomId)}/leave/txn`, { reason: TEXT }],
      [
        'PUT',
        `rooms/${part(roomId)}/state/m.room.member/${part(user.userId)}`,
        { membership: 'leave', reason: TEXT, displayname: TEXT, avatar_url: `mxc://localhost/${TEXT}` }
      ]
    ] as const

  test.each([0, 1, 2])('what somebody does (%i) is seen while the two may write to each other', async at => {
    const { alice, bob, roomId, eventId } = await written()
    const since = await now(alice)
    const [method, path, json] = signals(bob, roomId, eventId).at(at) ?? []
    expect((await bob.rest.send(method ?? '', `${CLIENT}/${path}`, { json })).status).toBe(200)
    expect(await news(alice, since)).toContain(bob.userId)
  })

  test.each([0, 1, 2])('nothing of it (%i) is seen of one who is blocked, who is told nothing', async at => {
    const { alice, bob, roomId, eventId } = await written()
    await block(alice, bob)
    const since = await now(alice)
    const [method, path, json] = signals(bob, roomId, eventId).at(at) ?? []
    expect((await bob.rest.send(method ?? '', `${CLIENT}/${path}`, { json })).status).toBe(200)
    expect(await news(alice, since)).not.toContain(bob.userId)
  })

  test('what was read still counts for the reader whose receipt is not shown', async () => {
    const { alice, bob, roomId, eventId } = await written()
    const unread = async (timeout: number) => {
      // The homeserver remembers what it has answered to the same request.
      const { body } = await bob.rest.get(`${CLIENT}/sync?timeout=${timeout}`)
      return body.rooms.join[roomId].unread_notifications.notification_count
    }
    await block(alice, bob)
    expect(await unread(0)).toBe(1)
    expect((await bob.rest.post(`${CLIENT}/rooms/${part(roomId)}/receipt/m.read/${part(eventId)}`)).status).toBe(200)
    expect(await unread(1)).toBe(0)
  })

  test.each([0, 1, 2])('one who is blocked leaves (%i) without a word', async at => {
    const { alice, bob, roomId } = await env.pair()
    await block(alice, bob)
    const since = await now(alice)
    const [method, path, json] = departures(bob, roomId).at(at) ?? []
    expect((await bob.rest.send(method ?? '', `${CLIENT}/${path}`, { json })).status).toBe(200)
    const { text } = await alice.rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=b&limit=100`)
    for (const seen of [await news(alice, since), text]) expect(seen).not.toContain(TEXT)
    expect(text).toContain('"leave"')
  })

  test('one who leaves a room of friends may say why', async () => {
    const { alice, bob, roomId } = await env.pair()
    const since = await now(alice)
    await bob.rest.post(`${CLIENT}/rooms/${part(roomId)}/leave`, { reason: TEXT })
    expect(await news(alice, since)).toContain(TEXT)
  })

  test('a user who takes messages of friends only gets no words of others with an invite, a join or a departure', async () => {
    const { alice, bob, roomId } = await env.pair()
    await takeMessagesOfFriendsOnly(alice)
    const room = `${CLIENT}/rooms/${part(roomId)}`
    const words = { reason: TEXT, displayname: TEXT }
    const own = `${room}/state/m.room.member/${part(bob.userId)}`
    const since = await now(alice)
    for (const [method, path, json] of [
      ['PUT', own, { membership: 'join', ...words }],
      ['POST', `${room}/leave`, words]
    ] as const) {
      expect((await bob.rest.send(method, path, { json })).status).toBe(200)
    }
    expect((await alice.rest.post(`${room}/invite`, { user_id: bob.userId })).status).toBe(200)
    expect((await bob.rest.post(`${room}/join`, words)).status).toBe(200)
    expect(await news(alice, since)).not.toContain(TEXT)

    await alice.rest.post(`${room}/leave`)
    for (const [method, path, json] of [
      ['POST', `${room}/invite`, { user_id: alice.userId, ...words }],
      ['PUT', `${room}/state/m.room.member/${part(alice.userId)}`, { membership: 'invite', ...words }]
    ] as const) {
      expect((await bob.rest.send(method, path, { json })).status).toBe(200)
      expect(await news(alice, since)).not.toContain(TEXT)
      await alice.rest.post(`${room}/leave`)
    }
  })
})
