import { randomBytes } from 'node:crypto'
import { PrivateMessagePrivacySetting } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { loginV2 } from '../../env/v2.ts'

const FORBIDDEN = { status: 403, body: { errcode: 'M_FORBIDDEN' } }
const MAX_REACHED = { status: 400, body: { errcode: 'M_RESOURCE_LIMIT_EXCEEDED', error: 'Max reached' } }
const newName = () => `channel-${randomBytes(4).toString('hex')}`

/** As the published client asks for a channel. */
const channel = (more: object = {}) => ({
  room_alias_name: newName(),
  preset: 'public_chat',
  is_direct: false,
  invite: [],
  name: 'A channel',
  visibility: 'public',
  creation_content: { type: 'channel' },
  ...more
})

describeWithSynapse('channels', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse(), { MAX_CHANNELS_CREATED: '2', MAX_CHANNELS_JOINED: '3' })
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const create = (user: MatrixUser, more: object = {}) => user.rest.post(`${CLIENT}/createRoom`, channel(more))
  const leave = (user: MatrixUser, roomId: string) => user.rest.post(`${CLIENT}/rooms/${part(roomId)}/leave`)
  const join = (user: MatrixUser, room: string) => user.rest.post(`${CLIENT}/join/${part(room)}`)

  /** Channels of somebody else each, which anybody may join. */
  async function channels(count: number): Promise<string[]> {
    const owners = await Promise.all(Array.from({ length: count }, () => env.login()))
    const made = await Promise.all(owners.map(owner => create(owner)))
    return made.map(({ body }) => body.room_id)
  }

  test('are created, joined by name and left', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const room = channel()
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, room)
    expect((await join(bob, `#${room.room_alias_name}:localhost`)).body).toEqual({ room_id: body.room_id })
    const sent = await bob.rest.post(`${CLIENT}/rooms/${part(body.room_id)}/send/m.room.message`, {
      msgtype: 'm.text',
      body: 'Hi'
    })
    expect(sent.status).toBe(200)
    expect((await leave(bob, body.room_id)).status).toBe(200)
  })

  test('are as many of one creator as the limit says, and one more when one was left', async () => {
    const alice = await env.login()
    const { body } = await create(alice)
    expect((await create(alice)).status).toBe(200)
    for (const [method, path] of [
      ['POST', '/_matrix/client/v3/createRoom'],
      ['POST', '/_matrix/client/r0/createRoom'],
      ['POST', '/_matrix/client/unstable/createRoom'],
      ['POST', '/_matrix/client/api/v1/createRoom'],
      ['PUT', '/_matrix/client/v3/createRoom/txn']
    ] as const) {
      expect(await alice.rest.send(method, path, { json: channel() })).toMatchObject(MAX_REACHED)
    }
    const unnamed = await alice.rest.post(`${CLIENT}/createRoom`, { visibility: 'public' })
    expect(unnamed).toMatchObject(MAX_REACHED)
    await leave(alice, body.room_id)
    expect((await create(alice)).status).toBe(200)
  })

  test('are not more when many are created at the same instant', async () => {
    const alice = await env.login()
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(alice)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
  })

  test('are joined by one user up to the limit, by whatever way', async () => {
    const alice = await env.login()
    const rooms = await channels(4)
    for (const roomId of rooms.slice(0, 3)) expect((await join(alice, roomId)).status).toBe(200)
    const [first = '', , , last = ''] = rooms
    for (const [method, path, json] of [
      ['POST', `${CLIENT}/join/${part(last)}`, {}],
      ['PUT', `${CLIENT}/join/${part(last)}/txn`, {}],
      ['POST', `${CLIENT}/rooms/${part(last)}/join`, {}],
      ['PUT', `${CLIENT}/rooms/${part(last)}/join/txn`, {}],
      ['POST', `/_matrix/client/r0/join/${part(last)}`, {}],
      ['PUT', `${CLIENT}/rooms/${part(last)}/state/m.room.member/${part(alice.userId)}`, { membership: 'join' }],
      ['POST', `${CLIENT}/createRoom`, channel()]
    ] as const) {
      expect(await alice.rest.send(method, path, { json })).toMatchObject(MAX_REACHED)
    }
    expect((await join(alice, first)).status).toBe(200)
    await leave(alice, first)
    expect((await join(alice, last)).status).toBe(200)
  })

  test('wait for no join that was refused', async () => {
    const [alice, [roomId = '']] = await Promise.all([env.login(), channels(1)])
    const refused = { status: 400, body: { errcode: 'M_BAD_JSON' } }
    for (const path of [`join/${part(roomId)}`, `rooms/${part(roomId)}/join`]) {
      expect(await alice.rest.post(`${CLIENT}/${path}`, { reason: 1 })).toMatchObject(refused)
    }
    const own = `rooms/${part(roomId)}/state/m.room.member/${part(alice.userId)}`
    expect(await alice.rest.put(`${CLIENT}/${own}`, { membership: 'join', reason: 1 })).toMatchObject(refused)
    expect((await join(alice, roomId)).status).toBe(200)
  })

  test('are not more when many are joined at the same instant', async () => {
    const alice = await env.login()
    const answers = await Promise.all((await channels(6)).map(roomId => join(alice, roomId)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
  })

  test('are counted without the rooms that users share', async () => {
    const alice = await env.login()
    const others = await Promise.all([1, 2, 3, 4].map(() => env.login()))
    for (const other of others) await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(other))
    expect((await create(alice)).status).toBe(200)
    const another = await env.login()
    expect((await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(another))).status).toBe(200)
  })

  test('do not take anybody who is blocked, nor whom the inviter blocks', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await create(alice)
    const { client } = await loginV2(env.env, bob)
    await client.blockUser(alice.address)
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    expect(await alice.rest.post(`${room}/invite`, { user_id: bob.userId })).toMatchObject(FORBIDDEN)
    const state = `${room}/state/m.room.member/${part(bob.userId)}`
    expect(await alice.rest.put(state, { membership: 'invite' })).toMatchObject(FORBIDDEN)
    expect(await create(alice, { invite: [bob.userId] })).toMatchObject(FORBIDDEN)
    await client.unblockUser(alice.address)
    expect((await alice.rest.post(`${room}/invite`, { user_id: bob.userId })).status).toBe(200)
  })

  test('take nobody who takes private messages of friends only, but from a friend', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await create(alice)
    const { client } = await loginV2(env.env, bob)
    await client.upsertSocialSettings({ privateMessagesPrivacy: PrivateMessagePrivacySetting.ONLY_FRIENDS })
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    const member = `${room}/state/m.room.member/${part(bob.userId)}`
    expect(await alice.rest.post(`${room}/invite`, { user_id: bob.userId })).toMatchObject(FORBIDDEN)
    expect(await alice.rest.put(member, { membership: 'invite' })).toMatchObject(FORBIDDEN)
    expect(await create(alice, { invite: [bob.userId] })).toMatchObject(FORBIDDEN)
    await client.requestFriendship(alice.address)
    const alicesClient = (await loginV2(env.env, alice)).client
    await alicesClient.acceptFriendshipRequest(bob.address)
    expect((await alice.rest.post(`${room}/invite`, { user_id: bob.userId })).status).toBe(200)
  })

  test('are made so often in a day, whether their creator stays or not', async () => {
    await using few = await MatrixEnv.start(await sharedSynapse(), { CHANNELS_CREATED_PER_DAY: '2' })
    const alice = await few.login()
    for (const _ of [1, 2]) {
      const { body } = await create(alice)
      expect((await leave(alice, body.room_id)).status).toBe(200)
    }
    expect(await create(alice)).toMatchObject(MAX_REACHED)
    expect((await create(await few.login())).status).toBe(200)
  })

  test('may be given a name and a topic, and cannot become rooms of another kind', async () => {
    const alice = await env.login()
    const { body } = await create(alice)
    const state = `${CLIENT}/rooms/${part(body.room_id)}/state`
    expect((await alice.rest.put(`${state}/m.room.topic/`, { topic: 'Chess' })).status).toBe(200)
    expect((await alice.rest.put(`${state}/m.room.name`, { name: 'Chess' })).status).toBe(200)
    for (const [type, json] of [
      ['m.room.join_rules', { join_rule: 'invite' }],
      ['m.room.canonical_alias', {}],
      ['m.room.power_levels', {}],
      ['m.room.tombstone', {}],
      ['m.room.history_visibility', { history_visibility: 'world_readable' }]
    ] as const) {
      expect(await alice.rest.put(`${state}/${type}`, json)).toMatchObject(FORBIDDEN)
    }
  })

  test('are found by what is in their name', async () => {
    const alice = await env.login()
    const name = newName()
    await create(alice, { name })
    const bob = await env.login()
    const { body } = await bob.rest.post(`${CLIENT}/publicRooms`, { limit: 10, filter: { generic_search_term: name } })
    expect(body.chunk).toMatchObject([{ name, num_joined_members: 1 }])
  })

  test.each([
    ['a private room that is listed', { preset: 'private_chat' }],
    ['a space', { creation_content: { type: 'm.space' } }],
    ['state of one’s own', { initial_state: [] }],
    ['rights of one’s own', { power_level_content_override: {} }],
    ['too many who are invited', { invite: Array(51).fill('@a:localhost') }]
  ])('are not created with %s', async (_, more) => {
    expect((await create(await env.login(), more)).status).toBe(400)
  })
})

describeWithSynapse('private rooms of more than two', () => {
  const ROOM = { preset: 'private_chat', name: 'Secret' }

  test('are closed', async () => {
    await using env = await MatrixEnv.start(await sharedSynapse())
    const [alice, bob, carol] = await Promise.all([env.login(), env.login(), env.login()])
    for (const room of [ROOM, {}, { invite: [bob.userId, carol.userId] }, { room_alias_name: newName() }]) {
      expect(await alice.rest.post(`${CLIENT}/createRoom`, room)).toMatchObject(FORBIDDEN)
    }
  })

  test('are closed too when they are there already', async () => {
    const synapse = await sharedSynapse()
    await using open = await MatrixEnv.start(synapse, { MATRIX_ALLOW_PRIVATE_ROOMS: 'true' })
    await using env = await MatrixEnv.start(synapse)
    const alice = await open.login()
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, ROOM)
    const there = await env.login(alice)
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    expect(await there.rest.post(`${room}/send/m.room.message`, {})).toMatchObject(FORBIDDEN)
    expect(await there.rest.put(`${room}/state/m.room.name`, { name: 'New' })).toMatchObject(FORBIDDEN)
    expect(await there.rest.post(`${room}/invite`, { user_id: '@a:localhost' })).toMatchObject(FORBIDDEN)
  })

  test('are open where the configuration says so, but to nobody who is blocked', async () => {
    await using env = await MatrixEnv.start(await sharedSynapse(), { MATRIX_ALLOW_PRIVATE_ROOMS: 'true' })
    const [alice, bob, carol] = await Promise.all([env.login(), env.login(), env.login()])
    const invite = [bob.userId, carol.userId]
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, { ...ROOM, invite })
    expect((await bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)).status).toBe(200)
    const { client } = await loginV2(env.env, carol)
    await client.blockUser(alice.address)
    expect(await alice.rest.post(`${CLIENT}/createRoom`, { ...ROOM, invite })).toMatchObject(FORBIDDEN)
    const room = `${CLIENT}/rooms/${part(body.room_id)}`
    expect(await alice.rest.post(`${room}/invite`, { user_id: carol.userId })).toMatchObject(FORBIDDEN)
  })
})
