import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { loginV2 } from '../../env/v2.ts'
import { expectSequence, SEQUENCES } from '../friendship-puts.ts'

const TYPE = 'org.decentraland.friendship'

interface StateEvent {
  readonly type: string
  readonly state_key?: string
  readonly sender: string
  readonly event_id: string
  readonly content: unknown
}

describeWithSynapse('the state event of a friendship', () => {
  let env: MatrixEnv
  let passed = 0

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse(), {}, { now: () => Date.now() + passed })
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const act = (user: MatrixUser, roomId: string, type: string, key: string | null = '', more: object = {}) => {
    const suffix = key === null ? '' : `/${part(key)}`
    return user.rest.put(`${CLIENT}/rooms/${part(roomId)}/state/${TYPE}${suffix}`, { type, ...more })
  }
  const friendsOf = async (user: MatrixUser): Promise<unknown> =>
    (await user.rest.get('/v1/friendships/me')).body.friendships
  const requestsOf = async (user: MatrixUser) => (await user.rest.get('/v1/friendships/me/requests')).body
  const eventsIn = async (user: MatrixUser, roomId: string): Promise<StateEvent[]> => {
    const { body } = await user.rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=f&limit=100`)
    return body.chunk.filter((event: StateEvent) => event.type === TYPE)
  }

  test('changes the friendship, and is in the room under the id that was answered', async () => {
    const { alice, bob, roomId } = await env.pair()
    const requested = await act(alice, roomId, 'request', '', { message: 'Shall we?' })
    expect(requested).toMatchObject({ status: 200, body: { event_id: expect.stringMatching(/^\$/) } })
    expect((await requestsOf(bob)).incoming).toMatchObject([{ address: alice.address, message: 'Shall we?' }])
    const accepted = await act(bob, roomId, 'accept')
    expect(await friendsOf(alice)).toEqual([{ address: bob.address }])

    expect(await eventsIn(bob, roomId)).toMatchObject([
      { event_id: requested.body.event_id, sender: alice.userId, content: { type: 'request', message: 'Shall we?' } },
      { event_id: accepted.body.event_id, sender: bob.userId, content: { type: 'accept' } }
    ])
  })

  test.each(['r0', 'v3', 'unstable', 'api/v1'])(
    'is taken under %s, with an empty key, none, or one’s own',
    async prefix => {
      const { alice, roomId } = await env.pair()
      const path = `/_matrix/client/${prefix}/rooms/${part(roomId)}/state/${TYPE}`
      for (const end of ['', '/', `/${part(alice.userId)}`]) {
        expect(await alice.rest.put(path + end, { type: 'request' })).toMatchObject({ status: 200 })
      }
      expect((await requestsOf(alice)).outgoing).toHaveLength(1)
      const events = await eventsIn(alice, roomId)
      expect(events.map(({ state_key }) => state_key)).toEqual(['', alice.userId])
    }
  )

  test('goes through every transition', async () => {
    const { alice, bob, roomId } = await env.pair()
    const steps: [MatrixUser, string][] = [
      [alice, 'request'],
      [alice, 'cancel'],
      [bob, 'request'],
      [alice, 'reject'],
      [alice, 'request'],
      [bob, 'accept'],
      [bob, 'delete']
    ]
    for (const [user, type] of steps) expect((await act(user, roomId, type)).status).toBe(200)
    expect(await friendsOf(alice)).toEqual([])
    const events = await eventsIn(alice, roomId)
    expect(events.map(({ sender, content }) => [sender, content])).toEqual(
      steps.map(([user, type]) => [user.userId, { type }])
    )
  })

  test.each(['accept', 'reject', 'cancel', 'delete'])(
    'is refused and written nowhere when it makes no sense: %s',
    async type => {
      const { alice, roomId } = await env.pair()
      for (const key of ['', null, alice.userId]) {
        expect(await act(alice, roomId, type, key)).toMatchObject({ status: 400, body: { errcode: 'M_BAD_STATE' } })
      }
      expect(await eventsIn(alice, roomId)).toEqual([])
      expect(await requestsOf(alice)).toEqual({ incoming: [], outgoing: [] })
    }
  )

  test('is of the one who sends it', async () => {
    const { alice, bob, roomId } = await env.pair()
    await act(alice, roomId, 'request')
    expect((await act(alice, roomId, 'accept')).status).toBe(400)
    const forOther = await act(alice, roomId, 'request', bob.userId)
    expect(forOther).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    expect((await act(alice, roomId, 'request', 'anything')).status).toBe(403)
    expect(await friendsOf(alice)).toEqual([])
  })

  test.each([
    ['of no known type', { type: 'befriend' }],
    ['without a type', { message: 'Hi' }],
    ['with a message that is no text', { type: 'request', message: 1 }],
    ['with a message that is too long', { type: 'request', message: 'x'.repeat(2_001) }]
  ])('is refused %s', async (_, body) => {
    const { alice, roomId } = await env.pair()
    const path = `${CLIENT}/rooms/${part(roomId)}/state/${TYPE}/`
    expect(await alice.rest.put(path, body)).toMatchObject({ status: 400, body: { errcode: 'M_BAD_JSON' } })
    expect(await eventsIn(alice, roomId)).toEqual([])
  })

  test('is refused in a room that is not that of the two', async () => {
    const { roomId } = await env.pair()
    const mallory = await env.login()
    expect((await act(mallory, roomId, 'request')).status).toBeOneOf([403, 404])
    const channel = { preset: 'public_chat', visibility: 'public', creation_content: { type: 'channel' } }
    const { body } = await mallory.rest.post(`${CLIENT}/createRoom`, channel)
    expect((await act(mallory, body.room_id, 'request')).status).toBe(403)
  })

  test('is of somebody in the room, not of somebody who is only invited', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const { body } = await alice.rest.post(`${CLIENT}/createRoom`, env.pairRoom(bob))
    expect(await act(bob, body.room_id, 'request')).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    expect(await requestsOf(alice)).toEqual({ incoming: [], outgoing: [] })
    await bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
    expect((await act(bob, body.room_id, 'request')).status).toBe(200)
  })

  test('is refused when one has blocked the other, without saying who', async () => {
    const { alice, bob, roomId } = await env.pair()
    const { client } = await loginV2(env.env, bob)
    await client.blockUser(alice.address)
    expect(await act(alice, roomId, 'request')).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    expect(await eventsIn(alice, roomId)).toEqual([])
  })

  test.each(SEQUENCES)('sent again $title', async sequence => {
    passed = 0
    const { alice, bob, roomId } = await env.pair()
    const path = `${CLIENT}/rooms/${part(roomId)}/state/${TYPE}`
    const pass = (ms: number): void => {
      passed += ms
    }
    await expectSequence(sequence, { alice, bob, path, userId: ({ address }) => env.userId(address), pass })
  })

  test('has the same answer when it is sent again after a lost answer', async () => {
    const { alice, roomId } = await env.pair()
    const first = await act(alice, roomId, 'request')
    const again = await act(alice, roomId, 'request')
    expect(again.body).toEqual(first.body)
    expect(await eventsIn(alice, roomId)).toHaveLength(1)
  })
})
