import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Env as App, collect, Env, type V1User } from '../../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { type LoggedIn, Rest } from '../../env/rest.ts'
import { seedRelations, seededUsers as users } from '../../env/seed.ts'
import { connectV2, type V2Device } from '../../env/v2.ts'
import { catalystProfile, startCatalyst } from '../../profiles/catalyst-server.ts'

/** Of a whole frame. */
const MAX_BYTES = 96 * 1024

const FRIENDS = 1_800
const REQUESTS = 500
const BLOCKS = 1_500
/** The longest message, of characters that JSON writes in six bytes each. */
const MESSAGE = '\u0001'.repeat(2_000)

/** Whom the Catalyst gives short names, so that a thousand of them fit into an answer without their pictures. */
const isShort = (id: string): boolean => id.startsWith('0x1')

describeWithPostgres('the answers to a user with as much of everything as there can be', () => {
  let env: App
  let catalyst: Awaited<ReturnType<typeof startCatalyst>>
  let alice: V2Device
  let onV1: V1User
  let onRest: LoggedIn
  const sizes: number[] = []

  beforeAll(async () => {
    const url = await freshPostgres()
    catalyst = await startCatalyst()
    catalyst.onCall = ids =>
      ids.map(id => {
        const face256 = `https://pictures.example/${'x'.repeat(120)}/${id}`
        return catalystProfile(id, {
          name: isShort(id) ? 'Somebody' : 'n'.repeat(200),
          avatar: { snapshots: { face256 } }
        })
      })
    env = await Env.start({ DATABASE_URL: url, CATALYST_URL: catalyst.url })
    alice = await connectV2(env)
    onV1 = await env.login(alice)
    onRest = await new Rest(env.app.httpUrl).login(alice)
    alice.socket.on('message', (data: ArrayBuffer) => sizes.push(data.byteLength))
    await seedRelations(url, alice.address, {
      friends: [...users(1, FRIENDS / 2), ...users(2, FRIENDS / 2)],
      incoming: users(3, REQUESTS),
      outgoing: users(4, REQUESTS),
      blocked: users(5, BLOCKS),
      blockedBy: users(6, BLOCKS),
      message: MESSAGE
    })
  })
  afterAll(async () => {
    await env.stop()
    await catalyst[Symbol.asyncDispose]()
  })

  /** What a call is answered, with the size of the frame that it came in. */
  async function measured<Answer>(call: Promise<Answer>): Promise<{ answer: Answer; bytes: number }> {
    sizes.length = 0
    const answer = await call
    return { answer, bytes: Math.max(...sizes) }
  }

  describe('on v2', () => {
    const friends = (limit: number, offset: number) =>
      measured(alice.service.getFriends({ pagination: { limit, offset } }))

    it('have the pictures of friends while there is room for them', async () => {
      const { answer, bytes } = await friends(300, 0)
      expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
      expect(answer.friends).toHaveLength(300)
      expect(answer.friends.every(({ profilePictureUrl }) => profilePictureUrl !== '')).toBe(true)
    })

    it('leave out pictures before they leave out friends', async () => {
      const { answer, bytes } = await friends(900, 0)
      expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
      expect(answer.friends.map(({ address }) => address)).toEqual(users(1, 900))
      expect(
        answer.friends.every(({ name, profilePictureUrl }) => name === 'Somebody' && profilePictureUrl === '')
      ).toBe(true)
      expect(answer.paginationData).toEqual({ total: FRIENDS, page: 1 })
    })

    it('have fewer friends when they do not fit without pictures either, and all of them page after page', async () => {
      const { answer, bytes } = await friends(1000, 900)
      expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
      expect(bytes).toBeGreaterThan(0.95 * MAX_BYTES)
      expect(answer.friends.length).toBeLessThan(900)
      expect(answer.paginationData).toEqual({ total: FRIENDS, page: 1 })
      const next = await friends(1000, 900 + answer.friends.length)
      const read = [...answer.friends, ...next.answer.friends].map(({ address }) => address)
      expect(read).toEqual(users(2, read.length))
    })

    it('have as many requests as fit, with the total of all', async () => {
      const pagination = { limit: 200, offset: 0 }
      for (const call of [
        () => alice.service.getPendingFriendshipRequests({ pagination }),
        () => alice.service.getSentFriendshipRequests({ pagination })
      ]) {
        const { answer, bytes } = await measured(call())
        expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
        const requests = answer.response?.$case === 'requests' ? answer.response.requests.requests : []
        expect(requests.length).toBeGreaterThan(40)
        expect(requests.every(({ message }) => message === MESSAGE)).toBe(true)
        expect(answer.paginationData).toEqual({ total: REQUESTS, page: 1 })
      }
    })

    it('have the users who were blocked last, and those who did so last', async () => {
      const { answer, bytes } = await measured(alice.service.getBlockingStatus({}))
      expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
      expect(bytes).toBeGreaterThan(0.95 * MAX_BYTES)
      const half = answer.blockedUsers.length
      expect(answer.blockedUsers).toEqual(users(5, BLOCKS).toReversed().slice(0, half))
      expect(answer.blockedByUsers).toEqual(users(6, BLOCKS).toReversed().slice(0, half))
      const blocked = await measured(alice.service.getBlockedUsers({}))
      expect(blocked.bytes).toBeLessThanOrEqual(MAX_BYTES)
      expect(blocked.answer.profiles).toHaveLength(200)
    })
  })

  it('have on v1 as many requests both ways as fit, with the totals of all, and every friend', async () => {
    const lists = await onV1.client.getRequestEvents()
    expect([lists?.incoming?.total, lists?.outgoing?.total]).toEqual([REQUESTS, REQUESTS])
    const shown = (lists?.incoming?.items.length ?? 0) + (lists?.outgoing?.items.length ?? 0)
    expect(shown * MESSAGE.length).toBeLessThanOrEqual(MAX_BYTES)
    expect(shown).toBeGreaterThan(40)
    expect(await collect(onV1.client.getFriends())).toHaveLength(FRIENDS)
  })

  it('have over REST every friend at once: dcl-social-client never asks for a second page', async () => {
    const { body } = await onRest.rest.get('/v1/friendships/me')
    const read = body.friendships.map(({ address }: { address: string }) => address)
    expect(read).toEqual([...users(1, FRIENDS / 2), ...users(2, FRIENDS / 2)])
  })

  it('have over REST as many requests as fit in the bytes that are sent, each way half', async () => {
    const { text, body } = await onRest.rest.get('/v1/friendships/me/requests')
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES)
    expect([body.incoming.length, body.outgoing.length]).toEqual([4, 4])
    const next = await onRest.rest.get('/v1/friendships/me/requests?offset=4')
    expect(next.body.incoming[0].address).toBe(users(3, REQUESTS).at(-5))
    expect(next.body.outgoing[0].address).toBe(users(4, REQUESTS).at(-5))
  })
})
