import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Database } from '../../../src/storage/db/database.ts'
import { collect, Env, type V1User } from '../../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { startService } from '../../env/rest.ts'
import { connectV2, type V2Device } from '../../env/v2.ts'
import { catalystProfile, startCatalyst } from '../../profiles/catalyst-server.ts'

const someone = (number: number): string => `0x${number.toString(16).padStart(40, '0')}`

/** Pages that make no sense, as a client may ask for them; int32 is all that fits. */
const NONSENSE = [
  { limit: 0, offset: 0 },
  { limit: -1, offset: 0 },
  { limit: -(2 ** 31), offset: -(2 ** 31) }
]

describe('lists of requests and blocks', () => {
  let env: Env
  let alice: V2Device
  beforeAll(async () => {
    env = await startService()
    alice = await connectV2(env)
    const { service } = alice
    const asked = Array.from({ length: 203 }, (_, at) => someone(at + 1))
    for (const address of asked) {
      await service.upsertFriendship({ action: { $case: 'request', request: { user: { address } } } })
    }
    for (let at = 0; at < 203; at += 1) await service.blockUser({ user: { address: someone(1000 + at) } })
  })
  afterAll(() => env.stop())

  const requests = async (limit?: number, offset = 0) => {
    const pagination = limit === undefined ? undefined : { limit, offset }
    const { response, paginationData } = await alice.service.getSentFriendshipRequests({ pagination })
    const listed = response?.$case === 'requests' ? response.requests.requests : []
    return { friends: listed.map(({ friend }) => friend?.address), ...paginationData }
  }
  const blocked = async (limit?: number, offset = 0) => {
    const pagination = limit === undefined ? undefined : { limit, offset }
    const { profiles, paginationData } = await alice.service.getBlockedUsers({ pagination })
    return { friends: profiles.map(({ address }) => address), ...paginationData }
  }

  it('come in pages of 100 unless asked for, and 200 at most', async () => {
    expect(await requests()).toMatchObject({ friends: { length: 100 }, total: 203, page: 1 })
    expect(await requests(200)).toMatchObject({ friends: { length: 200 }, total: 203, page: 1 })
    expect(await requests(2 ** 31 - 1)).toMatchObject({ friends: { length: 200 }, total: 203, page: 1 })
    expect(await requests(100, 200)).toEqual({ friends: [3, 2, 1].map(someone), total: 203, page: 3 })
    expect(await requests(7, 20)).toMatchObject({ friends: { length: 7, 0: someone(183) }, total: 203, page: 3 })
  })

  it('come in pages of 200 when they are of blocks', async () => {
    expect(await blocked()).toMatchObject({ friends: { length: 200 }, total: 203, page: 1 })
    expect(await blocked(2 ** 31 - 1)).toMatchObject({ friends: { length: 200 }, total: 203, page: 1 })
    expect((await blocked(200, 200)).page).toBe(2)
    expect((await alice.service.getBlockingStatus({})).blockedUsers).toHaveLength(203)
  })

  it('ignore a page that makes no sense', async () => {
    for (const { limit, offset } of NONSENSE) {
      expect(await requests(limit, offset)).toEqual(await requests())
      expect(await blocked(limit, offset)).toEqual(await blocked())
    }
  })

  it('are empty beyond the end', async () => {
    expect(await requests(100, 300)).toEqual({ friends: [], total: 203, page: 4 })
    expect(await requests(1, 2 ** 31 - 1)).toEqual({ friends: [], total: 203, page: 100_001 })
    expect(await blocked(200, 100_000)).toEqual({ friends: [], total: 203, page: 501 })
  })
})

describeWithPostgres('lists of a thousand friends', () => {
  let env: Env
  let catalyst: Awaited<ReturnType<typeof startCatalyst>>
  let alice: V2Device
  let onV1: V1User
  const FRIENDS = Array.from({ length: 1100 }, (_, at) => someone(at + 1))
  const MUTUAL = FRIENDS.slice(0, 1050)
  const other = someone(5000)
  const picture = (id: string) => `https://pictures.example/${'x'.repeat(1900)}/${id}`
  const name = (id: string) => `n${id}`

  beforeAll(async () => {
    const url = await freshPostgres()
    catalyst = await startCatalyst()
    catalyst.onCall = ids =>
      ids.map(id => catalystProfile(id, { name: name(id), avatar: { snapshots: { face256: picture(id) } } }))
    env = await Env.start({ DATABASE_URL: url, CATALYST_URL: catalyst.url })
    alice = await connectV2(env)
    onV1 = await env.login(alice)
    const database = new Client({ connectionString: url })
    await database.connect()
    const befriend = `insert into pair (lo, hi, last_action, actor_is_lo, acted_at, version)
      select least($1, friend), greatest($1, friend), 2, true, 0, nextval('pair_event_seq') from unnest($2::text[]) friend`
    const count = 'insert into user_count (address, friends, outgoing, incoming) values ($1, $2, 0, 0)'
    for (const [user, friends] of [[alice.address, FRIENDS] as const, [other, MUTUAL] as const]) {
      await database.query(befriend, [user, friends])
      await database.query(count, [user, friends.length])
    }
    await database.query('analyze pair')
    await database.end()
  })
  afterAll(async () => {
    await env.stop()
    await catalyst[Symbol.asyncDispose]()
  })

  /** The names of the statements that a call costs, without those that run by themselves. */
  async function statementsOf(call: () => Promise<unknown>): Promise<string[]> {
    const spies = [vi.spyOn(Database.prototype, 'rows'), vi.spyOn(Database.prototype, 'retryableRows')]
    try {
      await call()
      const names = spies.flatMap(({ mock }) => mock.calls.map(([{ name }]) => name))
      return names.filter(name => !/^(log|position|instance|ping|session-sweep|login-sweep)/.test(name))
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  }

  it('come in pages of 1000 unless asked for, and at most', async () => {
    const page = async (limit: number, offset: number) => {
      const { friends, paginationData } = await alice.service.getFriends({ pagination: { limit, offset } })
      return { friends: friends.map(({ address }) => address), ...paginationData }
    }
    const first = { friends: FRIENDS.slice(0, 1000), total: 1100, page: 1 }
    expect(await page(1000, 0)).toEqual(first)
    for (const { limit, offset } of NONSENSE) expect(await page(limit, offset)).toEqual(first)
    expect(await page(2 ** 31 - 1, 0)).toEqual(first)
    expect((await alice.service.getFriends({})).friends).toHaveLength(1000)
    expect(await page(1000, 1000)).toEqual({ friends: FRIENDS.slice(1000), total: 1100, page: 2 })
    expect(await page(30, 100)).toEqual({ friends: FRIENDS.slice(100, 130), total: 1100, page: 4 })
    expect(await page(10, 2 ** 31 - 1)).toEqual({ friends: [], total: 1100, page: 10_001 })

    const mutual = await alice.service.getMutualFriends({ user: { address: other } })
    expect(mutual.friends.map(({ address }) => address)).toEqual(MUTUAL.slice(0, 1000))
    expect(mutual.paginationData).toEqual({ total: 1050, page: 1 })
  })

  it.each<[string, string[], (service: V2Device['service']) => Promise<unknown>]>([
    ['friends', ['friends'], service => service.getFriends({ pagination: { limit: 1000, offset: 0 } })],
    ['mutual friends', ['mutual-friends'], service => service.getMutualFriends({ user: { address: other } })],
    ['a status', ['pair-read'], service => service.getFriendshipStatus({ user: { address: other } })],
    ['blocking status', ['blocking-status'], service => service.getBlockingStatus({})],
    ['blocked users', ['blocked'], service => service.getBlockedUsers({})],
    ['incoming requests', ['requests-incoming'], service => service.getPendingFriendshipRequests({})],
    [
      'settings of 50 others',
      ['settings-messages'],
      service => service.getPrivateMessagesSettings({ user: FRIENDS.slice(0, 50).map(address => ({ address })) })
    ]
  ])('cost one statement: %s', async (_, statements, call) => {
    expect(await statementsOf(() => call(alice.service))).toEqual(statements)
  })

  it('come with profiles, however long these are', async () => {
    const { friends } = await alice.service.getFriends({})
    expect(friends).toHaveLength(1000)
    const last = (await alice.service.getFriends({ pagination: { limit: 40, offset: 1060 } })).friends
    expect(last.map(friend => [friend.name, friend.profilePictureUrl])).toEqual(
      FRIENDS.slice(1060).map(id => [name(id), picture(id)])
    )
  })

  it('are the same on v1', async () => {
    expect(await collect(onV1.client.getFriends())).toEqual(FRIENDS)
    expect(await collect(onV1.client.getMutualFriends(other))).toEqual(MUTUAL)
  })
})
