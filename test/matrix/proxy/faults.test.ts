import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../../src/storage/db/database.ts'
import { freshPostgres, LIMITS, postgresUrl, silent } from '../../env/databases.ts'
import { FAULTS, type Fault, FaultProxy } from '../../env/fault-proxy.ts'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { paced } from '../../env/pace.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

const NAMES = Object.keys(FAULTS) as Fault[]
/** Longer than what an honest call takes on a busy machine, but not by much: every hanging one takes as long. */
const CALL_MS = Math.min(8_000, paced(2_500))
/** What a call of ours and the one that is handed on may take together, on a busy machine. */
const BOUND_MS = 2 * CALL_MS + paced(15_000)
const MESSAGE = { msgtype: 'm.text', body: 'Hi' }

describeWithSynapse('the proxy, with a homeserver that fails', () => {
  let proxy: FaultProxy
  let env: MatrixEnv

  beforeAll(async () => {
    const access = await sharedSynapse()
    proxy = await FaultProxy.start(access.url)
    env = await MatrixEnv.start({ ...access, url: proxy.url }, { MATRIX_TIMEOUT: `${CALL_MS}ms` })
  })
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })
  afterEach(() => {
    proxy.mischief = () => null
  })

  /** Does something while every call of a kind fails; 0 stands for an answer that broke off. */
  async function during<T>(fault: Fault, calls: RegExp, work: () => Promise<T>): Promise<T> {
    proxy.mischief = (method, path) => (calls.test(`${method} ${path}`) ? fault : null)
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      expect(performance.now() - startedAt).toBeLessThan(BOUND_MS)
      proxy.mischief = () => null
    }
  }
  const statusOf = (call: Promise<{ status: number }>): Promise<number> =>
    call.then(
      ({ status }) => status,
      () => 0
    )
  /** What a client is answered when the homeserver, or the way to it, does this to the request that is handed on. */
  const answered = (fault: Fault): number =>
    ({ '429': 429, '500': 500, 'cut within': 0 })[fault as '429' | '500' | 'cut within'] ?? 503

  async function messages({ rest }: MatrixUser, roomId: string): Promise<string[]> {
    const { body } = await rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=f&limit=100`)
    const chunk = body.chunk as { type: string; content: { body: string } }[]
    return chunk.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body)
  }

  describe.each(NAMES)('%s', fault => {
    test('sends a message once when it is sent again under its transaction id', async () => {
      const { alice, bob, roomId } = await env.pair()
      const send = () => alice.rest.put(`${CLIENT}/rooms/${part(roomId)}/send/m.room.message/t1`, MESSAGE)
      expect(await during(fault, /^PUT .*\/send\//, () => statusOf(send()))).toBe(answered(fault))
      expect((await send()).status).toBe(200)
      expect(await messages(bob, roomId)).toEqual(['Hi'])
    })

    test('forwards nothing when a rule cannot look at the room', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      const channel = { preset: 'public_chat', name: randomBytes(4).toString('hex') }
      const { body } = await alice.rest.post(`${CLIENT}/createRoom`, channel)
      proxy.requests.length = 0
      const join = () => bob.rest.post(`${CLIENT}/join/${part(body.room_id)}`)
      const expected = fault === '429' ? 429 : 503
      expect(await during(fault, /\/room_summary\//, () => statusOf(join()))).toBe(expected)
      expect(proxy.requests.filter(it => it.startsWith('POST'))).toEqual([])
      expect((await join()).status).toBe(200)
    })

    test('creates the room of two once, however its creation went', async () => {
      const [alice, bob] = await Promise.all([env.login(), env.login()])
      const make = (by: MatrixUser, other: MatrixUser) => by.rest.post(`${CLIENT}/createRoom`, env.pairRoom(other))
      const status = await during(fault, /^POST .*\/createRoom/, () => statusOf(make(alice, bob)))
      expect(status).toBe(fault === '429' ? 429 : 503)
      const [room, same] = [await make(alice, bob), await make(bob, alice)].map(({ body }) => String(body.room_id))
      expect([room, same]).toEqual([expect.stringMatching(/^!/), room])
      expect((await bob.rest.post(`${CLIENT}/join/${part(room!)}`)).status).toBe(200)
      for (const { rest } of [alice, bob]) {
        expect((await rest.get(`${CLIENT}/joined_rooms`)).body).toEqual({ joined_rooms: [room] })
      }
    })

    test('logs users in, and chat works when the homeserver does', async () => {
      const alice = await during(fault, /\/(login|register)\b/, () => env.login())
      expect((await alice.rest.get('/v1/friendships/me')).body).toEqual({ friendships: [] })
      await until(async () => (await alice.rest.get(`${CLIENT}/joined_rooms`)).status === 200, 'chat works')
    })
  })

  test.skipIf(postgresUrl === null)(
    'leaves friendships alone while every call hangs, and no transaction waits',
    async () => {
      const database = await freshPostgres()
      const settings = { MATRIX_TIMEOUT: '1m', SHUTDOWN_GRACE: '1s', DATABASE_URL: database }
      await using hanging = await MatrixEnv.start({ ...(await sharedSynapse()), url: proxy.url }, settings)
      const [alice, bob] = await Promise.all([hanging.login(), hanging.login()])
      proxy.requests.length = 0
      proxy.mischief = () => 'hang'
      let isStuck = true
      const polls = [1, 2, 3, 4].map(() => statusOf(alice.rest.get(`${CLIENT}/sync`)).finally(() => (isStuck = false)))
      const [one, other] = await Promise.all([hanging.env.login(alice), hanging.env.login(bob)])
      await one.client.requestFriendship(bob.address)
      await other.client.acceptFriendshipRequest(alice.address)
      expect((await alice.rest.get('/v1/friendships/me')).body.friendships).toEqual([{ address: bob.address }])
      await until(() => proxy.requests.some(it => it.includes('/createRoom')), 'the outbox is at work too')

      const db = await Database.open({ ...LIMITS, url: database }, silent)
      const text = "select from pg_stat_activity where datname = current_database() and state ~ 'in transaction'"
      expect(await db.rows({ name: 'waiting', text }, [])).toEqual([])
      await db.close()
      expect(isStuck).toBe(true)
      await hanging.env.stop()
      expect(await Promise.all(polls)).toEqual([503, 503, 503, 503])
    }
  )

  test('fails with the event of a friendship that the homeserver does not take, and that comes later, once', async () => {
    const { alice, bob, roomId } = await env.pair()
    const path = `${CLIENT}/rooms/${part(roomId)}/state/org.decentraland.friendship`
    let looks = 0
    proxy.mischief = (method, url) => {
      if (!url.includes('/state/org.decentraland.friendship')) return null
      // What the room has before it happens can still be seen.
      return method === 'PUT' || ++looks > 1 ? '500' : null
    }
    expect((await alice.rest.put(path, { type: 'request' })).status).toBe(503)
    proxy.mischief = () => null
    expect((await bob.rest.get('/v1/friendships/me/requests')).body.incoming).toHaveLength(1)
    await until(async () => (await alice.rest.get(path)).status === 200, 'it is in the room')
    const again = await alice.rest.put(path, { type: 'request' })
    expect(again).toMatchObject({ status: 200, body: { event_id: expect.stringMatching(/^\$/) } })
    const { body } = await bob.rest.get(`${CLIENT}/rooms/${part(roomId)}/messages?dir=f&limit=100`)
    expect(body.chunk.filter(({ type }: { type: string }) => type === 'org.decentraland.friendship')).toMatchObject([
      { event_id: again.body.event_id, content: { type: 'request' } }
    ])
  })

  test('refuses an event before anything is done when the room cannot be seen', async () => {
    const { alice, bob, roomId } = await env.pair()
    const path = `${CLIENT}/rooms/${part(roomId)}/state/org.decentraland.friendship`
    const request = () => statusOf(alice.rest.put(path, { type: 'request' }))
    expect(await during('hang', /\/state\/org\.decentraland\.friendship/, request)).toBe(503)
    expect((await bob.rest.get('/v1/friendships/me/requests')).body.incoming).toEqual([])
    expect(await request()).toBe(200)
  })

  test('answers an event with its own id, also while the room is behind', async () => {
    const { alice, bob, roomId } = await env.pair()
    const rpc = await env.env.login(bob)
    const path = `${CLIENT}/rooms/${part(roomId)}/state/org.decentraland.friendship`
    const request = () => alice.rest.put(path, { type: 'request' })
    const first = await request()
    proxy.mischief = (method, url) => (method === 'PUT' && url.includes('/state/') ? '500' : null)
    await rpc.client.rejectFriendshipRequest(alice.address)
    const second = request()
    await until(async () => (await bob.rest.get('/v1/friendships/me/requests')).body.incoming.length === 1, 'she asks')
    proxy.mischief = () => null
    const { body } = await second
    expect(body).toEqual({ event_id: expect.stringMatching(/^\$/) })
    expect(body).not.toEqual(first.body)
    expect((await alice.rest.get(`${path}/?format=event`)).body.event_id).toBe(body.event_id)
    expect((await request()).body).toEqual(body)
  })
})
