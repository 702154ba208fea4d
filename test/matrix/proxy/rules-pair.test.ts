import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { orderedPair } from '../../../src/domain/address.ts'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, type SynapseAccess, sharedSynapse } from '../../env/synapse.ts'
import { loginV2 } from '../../env/v2.ts'
import { Homeserver } from '../homeserver.ts'

const PREFIXES = ['r0', 'v3', 'unstable', 'api/v1'].map(version => `/_matrix/client/${version}`)
const MESSAGE = { msgtype: 'm.text', body: 'Hi' }
const FORBIDDEN = { status: 403, body: { errcode: 'M_FORBIDDEN' } }

describeWithSynapse('the room of two users', () => {
  let synapse: SynapseAccess
  let homeserver: Homeserver
  let env: MatrixEnv

  beforeAll(async () => {
    synapse = await sharedSynapse()
    homeserver = new Homeserver(synapse)
    env = await MatrixEnv.start(synapse)
  })
  afterAll(async () => {
    await homeserver.client.close()
    await env[Symbol.asyncDispose]()
  })

  const aliasOf = (a: MatrixUser, b: MatrixUser) =>
    homeserver.client.ids.pairAliasName(orderedPair(a.address, b.address))
  const membersOf = (user: MatrixUser, roomId: string) =>
    homeserver.client.as(user.address).members(roomId as `!${string}`)
  const messages = async (user: MatrixUser, roomId: string): Promise<unknown[]> => {
    const { body } = await user.rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=b&limit=100`)
    return body.chunk.filter((event: { type: string }) => event.type === 'm.room.message')
  }
  async function block(blocker: MatrixUser, blocked: MatrixUser): Promise<void> {
    const { client } = await loginV2(env.env, blocker)
    await client.blockUser(blocked.address)
    await client.disconnect()
  }

  /** Every way to send, by its method and what follows the prefix. */
  const sends = (roomId: string) => [
    ['PUT', `rooms/${part(roomId)}/send/m.room.message/txn-${Math.random()}`],
    ['POST', `rooms/${part(roomId)}/send/m.room.message`],
    ['PUT', `rooms/${part(roomId)}/send/m.reaction/txn-${Math.random()}`]
  ]

  describe('is made', () => {
    test('once, for either user and however often it is requested', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      const create = (by: MatrixUser, other: MatrixUser, method = 'POST', path = 'createRoom') =>
        by.rest.send(method, `${CLIENT}/${path}`, { json: env.pairRoom(other) })
      const answers = await Promise.all([
        create(alice, bob),
        create(bob, alice),
        create(alice, bob, 'PUT', 'createRoom/t1')
      ])
      answers.push(await create(bob, alice, 'PUT', 'createRoom/t1'))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      expect(new Set(answers.map(({ body }) => body.room_id)).size).toBe(1)
    })

    test('under its alias, which nobody else can have', async () => {
      const { alice, bob, roomId } = await env.pair()
      const mallory = await env.login()
      const alias = aliasOf(alice, bob)
      const { body } = await alice.rest.get(`${CLIENT}/directory/room/${part(`#${alias}:${synapse.serverName}`)}`)
      expect(body.room_id).toBe(roomId)

      const other = aliasOf(alice, await env.login())
      for (const room of [
        { room_alias_name: other, preset: 'private_chat' },
        { room_alias_name: other, preset: 'public_chat' },
        { room_alias_name: other.toUpperCase().replaceAll('X', 'x'), preset: 'public_chat' },
        { room_alias_name: other, invite: [mallory.userId, alice.userId] }
      ]) {
        expect(await mallory.rest.post(`${CLIENT}/createRoom`, room)).toMatchObject(FORBIDDEN)
      }
      const taken = await mallory.rest.put(`${CLIENT}/directory/room/${part(`#${other}:${synapse.serverName}`)}`, {
        room_id: roomId
      })
      expect(taken).toMatchObject(FORBIDDEN)
    })

    test('for every private conversation of two, with or without its alias', async () => {
      const { alice, bob, roomId } = await env.pair()
      for (const room of [
        { invite: [bob.userId] },
        { invite: [bob.userId], preset: 'private_chat', is_direct: true },
        { room_alias_name: aliasOf(alice, bob), preset: 'trusted_private_chat' }
      ]) {
        expect((await alice.rest.post(`${CLIENT}/createRoom`, room)).body).toEqual({ room_id: roomId })
      }
    })

    test('not for one who is blocked, nor for one who blocks', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      await block(alice, bob)
      expect(await bob.rest.post(`${CLIENT}/createRoom`, env.pairRoom(alice))).toMatchObject(FORBIDDEN)
      expect(await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))).toMatchObject(FORBIDDEN)
      const alias = `#${aliasOf(alice, bob)}:${synapse.serverName}` as const
      expect(await homeserver.client.resolveAlias(alias)).toBeNull()
    })

    test('with nothing that would make another kind of room of it', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      for (const more of [
        { initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'public' } }] },
        { power_level_content_override: { users: {} } },
        { room_version: '9' },
        { invite_3pid: [{ medium: 'email', address: 'a@b.c' }] },
        { creation_content: { 'm.federate': false } }
      ]) {
        const answer = await alice.rest.post(`${CLIENT}/createRoom`, { ...env.pairRoom(bob), ...more })
        expect(answer).toMatchObject({ status: 400, body: { errcode: 'M_BAD_JSON' } })
      }
    })
  })

  describe('between two of whom one has blocked the other', () => {
    test.each(['who blocks', 'who is blocked'])('takes no message of the one %s', async who => {
      const { alice, bob, roomId } = await env.pair()
      const [sender, other] = who === 'who blocks' ? [alice, bob] : [bob, alice]
      expect((await sender.rest.send('POST', `${CLIENT}/${sends(roomId)[1]?.[1]}`, { json: MESSAGE })).status).toBe(200)
      await block(alice, bob)
      for (const prefix of PREFIXES) {
        for (const [method = '', path] of sends(roomId)) {
          expect(await sender.rest.send(method, `${prefix}/${path}`, { json: MESSAGE })).toMatchObject(FORBIDDEN)
        }
      }
      expect(await messages(other, roomId)).toHaveLength(1)
    })

    test('takes no state and nobody in, and lets everybody out', async () => {
      const { alice, bob, roomId } = await env.pair()
      const room = `${CLIENT}/rooms/${part(roomId)}`
      await block(alice, bob)
      expect((await bob.rest.post(`${room}/leave`)).status).toBe(200)
      for (const [method, path, json] of [
        ['POST', 'invite', { user_id: bob.userId }],
        ['PUT', 'invite/t', { user_id: bob.userId }],
        ['PUT', `state/m.room.member/${part(bob.userId)}`, { membership: 'invite' }],
        ['PUT', 'state/org.decentraland.friendship/', { type: 'request' }],
        ['PUT', 'state/m.room.topic/', { topic: 'Hi' }]
      ] as const) {
        expect(await alice.rest.send(method, `${room}/${path}`, { json })).toMatchObject(FORBIDDEN)
      }
      await homeserver.client.as(alice.address).invite(roomId as `!${string}`, bob.address)
      for (const [method, path, json] of [
        ['POST', `${CLIENT}/join/${part(roomId)}`, {}],
        ['POST', `${CLIENT}/join/${part(`#${aliasOf(alice, bob)}:${synapse.serverName}`)}`, {}],
        ['PUT', `${CLIENT}/join/${part(roomId)}/t`, {}],
        ['POST', `${room}/join`, {}],
        ['PUT', `${room}/state/m.room.member/${part(bob.userId)}`, { membership: 'join' }]
      ] as const) {
        expect(await bob.rest.send(method, path, { json })).toMatchObject(FORBIDDEN)
      }
      expect((await homeserver.client.as(alice.address).memberships(roomId as `!${string}`)).get(bob.userId)).toBe(
        'invite'
      )
    })

    test('is open again when the block is lifted', async () => {
      const { alice, bob, roomId } = await env.pair()
      await block(alice, bob)
      const { client } = await loginV2(env.env, alice)
      await client.unblockUser(bob.address)
      expect((await bob.rest.post(`${CLIENT}/rooms/${part(roomId)}/send/m.room.message`, MESSAGE)).status).toBe(200)
    })
  })

  describe('is for the two alone', () => {
    test('nobody can invite a third, by whatever way', async () => {
      const { alice, bob, roomId } = await env.pair()
      const mallory = await env.login()
      const room = `rooms/${part(roomId)}`
      for (const prefix of PREFIXES) {
        for (const [method, path, json] of [
          ['POST', `${room}/invite`, { user_id: mallory.userId }],
          ['PUT', `${room}/invite/t`, { user_id: mallory.userId }],
          ['PUT', `${room}/state/m.room.member/${part(mallory.userId)}`, { membership: 'invite' }],
          ['POST', `${room}/invite`, { user_id: '@somebody:localhost' }]
        ] as const) {
          expect(await alice.rest.send(method, `${prefix}/${path}`, { json })).toMatchObject(FORBIDDEN)
        }
      }
      const threepid = { id_server: 'id.example.org', medium: 'email', address: 'm@example.org' }
      expect((await alice.rest.post(`${CLIENT}/${room}/invite`, threepid)).status).toBe(400)
      const { room_alias_name, invite } = { room_alias_name: aliasOf(alice, bob), invite: [bob.userId, mallory.userId] }
      expect(await alice.rest.post(`${CLIENT}/createRoom`, { room_alias_name, invite })).toMatchObject(FORBIDDEN)
      expect((await membersOf(alice, roomId)).toSorted()).toEqual([alice.userId, bob.userId].toSorted())
    })

    test('whatever letter case somebody is invited in, it is that user', async () => {
      const { alice, bob, roomId } = await env.pair()
      const room = `${CLIENT}/rooms/${part(roomId)}`
      const loud = bob.userId.replace(bob.address.slice(2), bob.address.slice(2).toUpperCase())
      await bob.rest.post(`${room}/leave`)
      expect((await alice.rest.post(`${room}/invite`, { user_id: loud })).status).toBe(200)
      await bob.rest.post(`${room}/leave`)
      const state = await alice.rest.put(`${room}/state/m.room.member/${part(loud)}`, { membership: 'invite' })
      expect(state.status).toBe(200)
      expect((await membersOf(alice, roomId)).toSorted()).toEqual([alice.userId, bob.userId].toSorted())
      await block(bob, alice)
      expect(await alice.rest.post(`${room}/invite`, { user_id: loud })).toMatchObject(FORBIDDEN)
      expect(await alice.rest.post(`${CLIENT}/createRoom`, { invite: [loud] })).toMatchObject(FORBIDDEN)
    })

    test('a third who was invited past the service comes no further than that', async () => {
      const { alice, roomId } = await env.pair()
      const mallory = await env.login()
      await homeserver.client.as(alice.address).invite(roomId as `!${string}`, mallory.address)
      const room = `${CLIENT}/rooms/${part(roomId)}`
      expect(await mallory.rest.post(`${CLIENT}/join/${part(roomId)}`)).toMatchObject(FORBIDDEN)
      expect(await mallory.rest.post(`${room}/join`)).toMatchObject(FORBIDDEN)
      const join = await mallory.rest.put(`${room}/state/m.room.member/${part(mallory.userId)}`, { membership: 'join' })
      expect(join).toMatchObject(FORBIDDEN)
      expect(await mallory.rest.post(`${room}/send/m.room.message`, MESSAGE)).toMatchObject(FORBIDDEN)
    })

    test('a stranger learns nothing about it', async () => {
      const { roomId } = await env.pair()
      const mallory = await env.login()
      const sent = await mallory.rest.post(`${CLIENT}/rooms/${part(roomId)}/send/m.room.message`, MESSAGE)
      expect(sent.status).toSatisfy((status: number) => status === 403 || status === 404)
      expect((await mallory.rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=b`)).status).toBe(403)
    })

    test.each([
      ['the power levels', 'm.room.power_levels', { users: {} }],
      ['the rules of joining', 'm.room.join_rules', { join_rule: 'public' }],
      ['the alias', 'm.room.canonical_alias', {}],
      ['the encryption', 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' }],
      ['a successor', 'm.room.tombstone', { body: 'gone', replacement_room: '!other:localhost' }],
      ['a banned member', 'm.room.member', { membership: 'ban' }],
      ['any other state', 'com.example.anything', {}]
    ])('and keeps what it is: %s cannot be set', async (_, type, json) => {
      const { alice, bob, roomId } = await env.pair()
      const key = type === 'm.room.member' ? part(bob.userId) : ''
      for (const prefix of PREFIXES) {
        const path = `${prefix}/rooms/${part(roomId)}/state/${type}`
        expect(await alice.rest.put(`${path}/${key}`, json)).toMatchObject(FORBIDDEN)
        if (key === '') expect(await alice.rest.put(path, json)).toMatchObject(FORBIDDEN)
      }
    })

    test('and cannot be upgraded, knocked at, or given another alias', async () => {
      const { alice, roomId } = await env.pair()
      const alias = part(`#another-${roomId.slice(1, 10)}:localhost`)
      for (const [method, path, json] of [
        ['POST', `rooms/${part(roomId)}/upgrade`, { new_version: '11' }],
        ['POST', `knock/${part(roomId)}`, {}],
        ['PUT', `directory/room/${alias}`, { room_id: roomId }]
      ] as const) {
        expect(await alice.rest.send(method, `${CLIENT}/${path}`, { json })).toMatchObject(FORBIDDEN)
      }
    })

    test('and nothing can be sent to it later', async () => {
      const { alice, roomId } = await env.pair()
      const room = `/_matrix/client/v3/rooms/${part(roomId)}`
      const delay = 'org.matrix.msc4140.delay=60000'
      expect(await alice.rest.put(`${room}/send/m.room.message/t?${delay}`, MESSAGE)).toMatchObject(FORBIDDEN)
      expect(await alice.rest.put(`${room}/state/m.room.topic/?${delay}`, {})).toMatchObject(FORBIDDEN)
      const delayed = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events'
      expect(await alice.rest.get(delayed)).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } })
    })
  })
})
