import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, type SynapseAccess, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { loginV2 } from '../../env/v2.ts'
import { Homeserver } from '../homeserver.ts'

const TEXT = 'these-are-words'
const MESSAGE = { msgtype: 'm.text', body: 'Hi' }

describeWithSynapse('what a user reads', () => {
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

  type Client = Awaited<ReturnType<typeof loginV2>>['client']
  async function as(user: MatrixUser, act: (client: Client) => Promise<unknown>): Promise<void> {
    const { client } = await loginV2(env.env, user)
    await act(client)
    await client.disconnect()
  }
  const block = (blocker: MatrixUser, other: Address) => as(blocker, client => client.blockUser(other))
  async function befriend(a: MatrixUser, b: MatrixUser): Promise<void> {
    await as(a, client => client.requestFriendship(b.address))
    await as(b, client => client.acceptFriendshipRequest(a.address))
  }
  const sync = (user: MatrixUser, query = '') => user.rest.get(`${CLIENT}/sync?timeout=0${query}`)
  /** A sync past the service. */
  const everything = async (user: MatrixUser): Promise<string> =>
    JSON.stringify(
      await homeserver.fetchJson('GET', `${CLIENT}/sync?timeout=0&user_id=${part(user.userId)}`, synapse.asToken)
    )

  /** Gives a user a new name and picture, which the homeserver brings into all rooms of the user. */
  async function rename(user: MatrixUser, roomId: string, name: string): Promise<void> {
    const profile = `${CLIENT}/profile/${part(user.userId)}`
    const changes = { displayname: name, avatar_url: `mxc://localhost/${name}` }
    // One after the other: the event of the second has what the first said as what was before.
    for (const [key, value] of Object.entries(changes)) {
      expect((await user.rest.put(`${profile}/${key}`, { [key]: value })).status).toBe(200)
      await until(async () => {
        const as = homeserver.client.as(user.address)
        const member = await as.getState(roomId as `!${string}`, 'm.room.member', user.userId)
        return member?.[key] === value
      }, `the ${key} is in the room`)
    }
  }

  describe('of one whom the user blocks', () => {
    test('has no name and picture that were chosen since, in a sync that goes on or begins anew', async () => {
      const { alice, bob, roomId } = await env.pair()
      await block(alice, bob.address)
      const since = (await sync(alice)).body.next_batch
      await rename(bob, roomId, TEXT)
      expect(await everything(alice)).toContain(TEXT)
      for (const query of [`&since=${part(since)}`, '', '&full_state=true']) {
        const { status, text, body } = await sync(alice, query)
        expect([status, text.includes(TEXT)]).toEqual([200, false])
        const { state, timeline } = body.rooms.join[roomId]
        const members = [...state.events, ...timeline.events].filter(({ state_key }) => state_key === bob.userId)
        expect(members.at(-1)?.content).toEqual({ membership: 'join' })
      }
      expect((await sync(bob)).text).toContain(TEXT)
    })

    test('has them nowhere else in the room', async () => {
      const { alice, bob, roomId } = await env.pair()
      const room = `${CLIENT}/rooms/${part(roomId)}`
      const { body } = await alice.rest.post(`${room}/send/m.room.message`, MESSAGE)
      await block(alice, bob.address)
      await rename(bob, roomId, TEXT)
      const member = `state/m.room.member/${part(bob.userId)}`
      const { event_id } = await homeserver.fetchJson<{ event_id: string }>(
        'GET',
        `${room}/${member}?format=event&user_id=${part(bob.userId)}`,
        synapse.asToken
      )
      for (const path of [
        'messages?dir=b&limit=100',
        'members',
        'joined_members',
        'state',
        member,
        `${member}?format=event`,
        `context/${part(body.event_id)}?limit=50`,
        `context/${part(event_id)}`,
        `event/${part(event_id)}`
      ]) {
        const { status, text } = await alice.rest.get(`${room}/${path}`)
        expect([status, path, text.includes(TEXT)]).toEqual([200, path, false])
        expect((await bob.rest.get(`${room}/${path}`)).text, path).toContain(TEXT)
      }
    })

    test('is all there again when the block is lifted', async () => {
      const { alice, bob, roomId } = await env.pair()
      await block(alice, bob.address)
      await rename(bob, roomId, TEXT)
      await sync(alice)
      await as(alice, client => client.unblockUser(bob.address))
      expect((await sync(alice)).text).toContain(TEXT)
    })

    test('is no message that came in at the last moment, and is the room as it was', async () => {
      const { alice, bob, roomId } = await env.pair()
      const room = `${CLIENT}/rooms/${part(roomId)}`
      const since = (await sync(bob)).body.next_batch
      await alice.rest.post(`${room}/send/m.room.message`, { ...MESSAGE, body: TEXT })
      await block(bob, alice.address)
      expect((await sync(bob, `&since=${part(since)}`)).text).not.toContain(TEXT)
      const { state, timeline } = (await sync(bob)).body.rooms.join[roomId]
      const types = [...state.events, ...timeline.events].map(({ type }) => type)
      expect(types).toEqual(expect.arrayContaining(['m.room.create', 'm.room.power_levels', 'm.room.canonical_alias']))
      expect((await bob.rest.get(`${room}/messages?dir=b&limit=100`)).text).toContain(TEXT)
    })

    test('is the same as ever in a channel', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      const { body } = await bob.rest.post(`${CLIENT}/createRoom`, { preset: 'public_chat', visibility: 'public' })
      await alice.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
      await block(alice, bob.address)
      await bob.rest.post(`${CLIENT}/rooms/${part(body.room_id)}/send/m.room.message`, { ...MESSAGE, body: TEXT })
      expect((await sync(alice)).text).toContain(TEXT)
    })
  })

  describe('of presence', () => {
    const setStatus = (user: MatrixUser, status_msg: string) =>
      user.rest.put(`${CLIENT}/presence/${part(user.userId)}/status`, { presence: 'online', status_msg })
    const presenceOf = (user: MatrixUser, by: MatrixUser) =>
      by.rest.get(`${CLIENT}/presence/${part(user.userId)}/status`)
    const seen = async (by: MatrixUser): Promise<string[]> => {
      const { body } = await sync(by)
      return (body.presence?.events ?? []).map(({ sender }: { sender: string }) => sender)
    }

    test('is that of friends, for as long as they are', async () => {
      const { alice, bob } = await env.pair()
      await setStatus(alice, TEXT)
      await until(async () => (await everything(bob)).includes(TEXT), 'the homeserver would show it')
      expect((await sync(bob)).text).not.toContain(TEXT)
      expect((await presenceOf(alice, bob)).status).toBe(403)

      await befriend(alice, bob)
      expect((await sync(bob)).text).toContain(TEXT)
      expect((await presenceOf(alice, bob)).body).toMatchObject({ status_msg: TEXT })

      await as(alice, client => client.removeFriendship(bob.address))
      expect((await sync(bob)).text).not.toContain(TEXT)
      expect((await presenceOf(alice, bob)).status).toBe(403)
    })

    test('is that of the user too, and of nobody of whom one blocks the other', async () => {
      const { alice, bob } = await env.pair()
      await befriend(alice, bob)
      await Promise.all([setStatus(alice, TEXT), setStatus(bob, TEXT)])
      await until(async () => (await seen(bob)).length === 2, 'both are seen')
      await block(alice, bob.address)
      expect(await seen(bob)).toEqual([bob.userId])
      expect(await seen(alice)).toEqual([alice.userId])
    })
  })
})
