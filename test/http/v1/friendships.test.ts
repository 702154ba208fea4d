import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../env/app.ts'
import { act, befriend, type LoggedIn, Rest, startService } from '../../env/rest.ts'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService({ LIST_PAGE_LIMIT: '5' })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const users = (count: number): Promise<LoggedIn[]> => Promise.all(Array.from({ length: count }, () => rest.login()))
const listOf = (users: LoggedIn[]): object => ({
  friendships: users.map(({ address }) => ({ address })).sort((a, b) => (a.address < b.address ? -1 : 1))
})
const upper = (address: string): string => `0x${address.slice(2).toUpperCase()}`

describe('friends', () => {
  it('are listed and counted for both, in the order of their addresses', async () => {
    const [alice, bob, carol] = (await users(3)) as [LoggedIn, LoggedIn, LoggedIn]
    expect((await alice.rest.get('/v1/friendships/me')).text).toBe('{"friendships":[]}')
    await befriend(alice, bob)
    await befriend(carol, alice)
    expect((await alice.rest.get('/v1/friendships/me')).body).toEqual(listOf([bob, carol]))
    expect((await bob.rest.get('/v1/friendships/me')).body).toEqual(listOf([alice]))
    expect((await alice.rest.get('/v1/friendships/me/count')).text).toBe('{"count":2}')
    await act(bob, alice, 'delete')
    expect((await alice.rest.get('/v1/friendships/me')).body).toEqual(listOf([carol]))
    expect((await alice.rest.get('/v1/friendships/me/count')).body).toEqual({ count: 1 })
  })

  it('are found under every spelling of their user', async () => {
    const [alice, bob] = (await users(2)) as [LoggedIn, LoggedIn]
    await befriend(alice, bob)
    const { address } = alice
    for (const spelled of [address, upper(address), `@${address}:localhost`, `@${upper(address)}:localhost`]) {
      for (const path of [spelled, encodeURIComponent(spelled)]) {
        expect((await alice.rest.get(`/v1/friendships/${path}`)).body).toEqual(listOf([bob]))
        expect((await alice.rest.get(`/v1/friendships/${path}/count`)).body).toEqual({ count: 1 })
        expect((await alice.rest.get(`/v1/friendships/${path}/requests`)).status).toBe(200)
      }
    }
  })

  it('in common are the same seen from both sides', async () => {
    const [alice, bob, carol, dave] = (await users(4)) as [LoggedIn, LoggedIn, LoggedIn, LoggedIn]
    for (const user of [alice, bob]) {
      await befriend(user, carol)
      await user.rest.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
    }
    await befriend(alice, dave)
    expect((await alice.rest.get(`/v1/friendships/${bob.address}/mutuals`)).body).toEqual(listOf([carol]))
    expect((await bob.rest.get(`/v1/friendships/${alice.address}/mutuals`)).body).toEqual(listOf([carol]))
    expect((await dave.rest.get(`/v1/friendships/${bob.address}/mutuals`)).body).toEqual(listOf([]))
  })
})

it('every list is the same under its older path', async () => {
  const [alice, bob, carol] = (await users(3)) as [LoggedIn, LoggedIn, LoggedIn]
  await befriend(alice, bob)
  await befriend(bob, carol)
  await act(alice, carol, 'request', 'Hello')
  await bob.rest.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
  const { address } = bob
  const paths = [
    'me',
    'me?limit=1&offset=0',
    address,
    `${address}/mutuals`,
    'me/count',
    `${address}/count`,
    'me/requests'
  ]
  for (const path of paths) {
    const answer = await alice.rest.get(`/friendships/${path}`)
    expect([path, answer.status]).toEqual([path, 200])
    expect(answer.body).toEqual((await alice.rest.get(`/v1/friendships/${path}`)).body)
  }
  expect(await rest.get('/friendships/me')).toMatchObject({
    status: 400,
    body: { message: 'Missing authorization token' }
  })
  expect((await alice.rest.get(`/friendships/${carol.address}`)).status).toBe(403)
})

describe('requests', () => {
  it('are listed for both, newest first, with their message and when they were made in seconds', async () => {
    const [alice, bob, carol] = (await users(3)) as [LoggedIn, LoggedIn, LoggedIn]
    const before = Math.floor(Date.now() / 1000)
    await act(alice, bob, 'request', 'Hello 👋\0')
    await act(carol, bob, 'request')
    const { body } = await bob.rest.get('/v1/friendships/me/requests')
    expect(body).toEqual({
      incoming: [
        { address: carol.address, createdAt: expect.any(Number) },
        { address: alice.address, createdAt: expect.any(Number), message: 'Hello 👋\0' }
      ],
      outgoing: []
    })
    const [{ createdAt }] = body.incoming
    expect(createdAt).toBeGreaterThanOrEqual(before)
    expect(createdAt).toBeLessThanOrEqual(Date.now() / 1000)
    const [sent] = (await alice.rest.get('/v1/friendships/me/requests')).body.outgoing
    expect(sent).toEqual({ address: bob.address, createdAt: body.incoming[1].createdAt, message: 'Hello 👋\0' })
  })

  it('are shown to nobody else', async () => {
    const [alice, bob] = (await users(2)) as [LoggedIn, LoggedIn]
    await befriend(alice, bob)
    await bob.rest.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
    expect(await alice.rest.get(`/v1/friendships/${bob.address}/requests`)).toMatchObject({
      status: 403,
      body: { code: 403, error: 'Forbidden', message: expect.any(String) }
    })
  })
})

describe('a page', () => {
  let alice: LoggedIn
  let all: string[]
  beforeAll(async () => {
    const [first, ...others] = await users(15)
    alice = first as LoggedIn
    for (const friend of others.slice(0, 7)) await befriend(alice, friend)
    for (const other of others.slice(7)) await act(other, alice, 'request')
    all = others
      .slice(0, 7)
      .map(({ address }) => address)
      .sort()
  })
  const friends = async (query: string): Promise<string[]> => {
    const { status, body } = await alice.rest.get(`/v1/friendships/me${query}`)
    expect(status).toBe(200)
    return body.friendships.map(({ address }: { address: string }) => address)
  }

  it('has the limit and the offset of the query, within the cap', async () => {
    expect(await friends('')).toEqual(all.slice(0, 5))
    expect(await friends('?limit=2')).toEqual(all.slice(0, 2))
    expect(await friends('?limit=2&offset=3')).toEqual(all.slice(3, 5))
    expect(await friends('?offset=5')).toEqual(all.slice(5))
    expect(await friends('?limit=6')).toEqual(all.slice(0, 5))
  })

  it.each([
    '0',
    '-1',
    '0.5',
    '2147483647',
    '1e308',
    'Infinity',
    'NaN',
    'ten',
    '',
    '%00',
    '%ff',
    '1&limit=2',
    '%F0%9F%98%80'
  ])('is bounded and well-formed with a limit of %s', async limit => {
    expect(await friends(`?limit=${limit}`)).toEqual(all.slice(0, 5))
  })

  it.each(['-1', '-0.5', '0.5', '-1e308', 'NaN', 'none', '', '%00', '1&offset=2', '[]'])(
    'begins at the start with an offset of %s',
    async offset => {
      expect(await friends(`?offset=${offset}`)).toEqual(all.slice(0, 5))
    }
  )

  it.each(['7', '2147483647', '1e300', '9223372036854775808'])('beyond the end, at %s, is empty', async offset => {
    expect(await friends(`?offset=${offset}`)).toEqual([])
  })

  it('of requests follows the same rules', async () => {
    const pages = ['?limit=3', '?limit=3&offset=3', '?limit=3&offset=6', '?limit=-1', '?offset=100']
    const sizes = await Promise.all(
      pages.map(async page => (await alice.rest.get(`/v1/friendships/me/requests${page}`)).body.incoming.length)
    )
    expect(sizes).toEqual([3, 3, 1, 5, 0])
  })

  it('of mutual friends follows the same rules', async () => {
    const path = `/v1/friendships/me/mutuals`
    expect((await alice.rest.get(`${path}?limit=2&offset=6`)).body.friendships).toHaveLength(1)
    expect((await alice.rest.get(`${path}?limit=0.5`)).body.friendships).toHaveLength(5)
  })
})

describe('a malformed request', () => {
  const routes = ['', '/mutuals', '/count', '/requests']

  it.each(routes)('needs a token first: /v1/friendships/{userId}%s', async route => {
    for (const user of ['me', 'nobody', `0x${'1'.repeat(40)}`]) {
      expect((await rest.get(`/v1/friendships/${user}${route}`)).text).toBe(
        '{"code":400,"error":"Bad Request","message":"Missing authorization token"}'
      )
      expect((await rest.as('made-up').get(`/v1/friendships/${user}${route}`)).text).toBe(
        '{"code":401,"error":"Unauthorized","message":"Invalid access token"}'
      )
    }
  })

  it.each([
    ['nothing', ''],
    ['a name', 'alice'],
    ['a name that begins with me', 'me2'],
    ['no prefix', 'a'.repeat(40)],
    ['39 digits', `0x${'a'.repeat(39)}`],
    ['41 digits', `0x${'a'.repeat(41)}`],
    ['a NUL', `0x${'a'.repeat(39)}\0`],
    ['an emoji', `0x${'a'.repeat(39)}😀`],
    ['a quote', "0x' or 1=1 --"],
    ['white space', ` 0x${'a'.repeat(40)}`],
    ['a room', `#0x${'a'.repeat(40)}:localhost`],
    ['a user of another kind', '@alice:localhost'],
    ['a user without a server', `@0x${'a'.repeat(40)}`],
    ['200 letters', 'a'.repeat(200)]
  ])('is %s in the place of a user', async (_, user) => {
    const alice = await rest.login()
    for (const route of routes) {
      const answer = await alice.rest.get(`/v1/friendships/${encodeURIComponent(user)}${route}`)
      expect(answer.text).toBe('{"code":400,"error":"Bad Request","message":"`userId` is not a user"}')
    }
  })

  it('is a part of the path that is longer than any user', async () => {
    const alice = await rest.login()
    for (const length of [301, 500, 501, 10_000]) {
      const { status, body } = await alice.rest.get(`/v1/friendships/${'a'.repeat(length)}`)
      expect(body).toEqual({ code: status, error: expect.any(String), message: expect.any(String) })
      expect([400, 414]).toContain(status)
    }
  })
})
