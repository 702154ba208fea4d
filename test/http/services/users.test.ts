import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Env } from '../../env/app.ts'
import { describeEachDatabase, type Folder, freshDataDir, freshPostgres } from '../../env/databases.ts'
import { createKey } from '../../env/keys.ts'
import { befriend, type LoggedIn, Rest } from '../../env/rest.ts'
import { loginV2 } from '../../env/v2.ts'

const NOBODY = `0x${'ab'.repeat(20)}`
const checksummed = (address: string): string =>
  address.replace(/[a-f]/g, (letter, at) => (at % 2 ? letter.toUpperCase() : letter))

describeEachDatabase('other services', kind => {
  let folder: Folder | null = null
  let env: Env
  let rest: Rest
  /** A service that may ask everything, and one that may ask for friends alone. */
  let service: Rest
  let limited: Rest
  let alice: LoggedIn
  let bob: LoggedIn
  let carol: LoggedIn
  beforeAll(async () => {
    folder = kind === 'embedded' ? await freshDataDir() : null
    const database: Record<string, string> = folder
      ? { DATA_DIR: folder.path }
      : { DATABASE_URL: await freshPostgres() }
    // Before the service was ever started: an embedded database is one process's alone.
    const key = await createKey(database, 'friends:read', 'relations:read', 'settings:read')
    const limitedKey = await createKey(database, 'friends:read')
    env = await Env.start(database)
    rest = new Rest(env.app.httpUrl)
    service = rest.as(key)
    limited = rest.as(limitedKey)
    ;[alice, bob, carol] = [await rest.login(), await rest.login(), await rest.login()]
  })
  afterAll(async () => {
    await env?.stop()
    await folder?.[Symbol.asyncDispose]()
  })

  const privacyOf = async (address: string) => (await service.get(`/v1/users/${address}/privacy-settings`)).body
  const relationsOf = (pairs: unknown) => service.post('/v1/users/relations', { pairs })

  describe('that ask who may write to a user', () => {
    // As decentraland/comms-gatekeeper reads it, src/adapters/social.ts and src/types/social.type.ts at 0a7c499, and
    // decentraland/social-service-ea answers, src/controllers/handlers/uws/privacy-handler.ts at 906f5b6.
    it('are told in the words of the service before, in any letter case, also of whom nobody knows', async () => {
      const { client } = await loginV2(env, bob)
      expect(await privacyOf(NOBODY)).toEqual({ private_messages_privacy: 'all' })
      expect(await privacyOf(bob.address)).toEqual({ private_messages_privacy: 'all' })
      await client.upsertSocialSettings({ privateMessagesPrivacy: 1 })
      expect(await privacyOf(checksummed(bob.address))).toEqual({ private_messages_privacy: 'only_friends' })
      await client.upsertSocialSettings({ privateMessagesPrivacy: 0 })
      expect(await privacyOf(bob.address)).toEqual({ private_messages_privacy: 'all' })
    })

    it.each(['me', '0x12', `${NOBODY}0`, encodeURIComponent(`@${NOBODY}:localhost`)])(
      'are refused for %s',
      async user => {
        expect(await service.get(`/v1/users/${user}/privacy-settings`)).toMatchObject({ status: 400 })
      }
    )
  })

  describe('that ask what is between two users', () => {
    it('are told of each pair in its order, in any letter case, also of one twice and of one user', async () => {
      await befriend(alice, bob)
      const { client } = await loginV2(env, carol)
      await client.blockUser(alice.address)
      const between = (a: string, b: string, ...facts: readonly string[]) => ({
        a,
        b,
        areFriends: facts.includes('friends'),
        aBlocksB: facts.includes('a blocks'),
        bBlocksA: facts.includes('b blocks')
      })
      const [a, b, c] = [alice.address, bob.address, carol.address]
      const pairs = [
        { a, b },
        { a: b, b: a },
        { a: c, b: a },
        { a, b: c },
        { a: b, b: c },
        { a, b: a },
        { a, b: NOBODY },
        { a: checksummed(a), b: checksummed(b) }
      ]
      const answer = await relationsOf(pairs)
      expect(answer.status).toBe(200)
      expect(answer.body).toEqual({
        relations: [
          between(a, b, 'friends'),
          between(b, a, 'friends'),
          between(c, a, 'a blocks'),
          between(a, c, 'b blocks'),
          between(b, c),
          between(a, a),
          between(a, NOBODY),
          between(a, b, 'friends')
        ]
      })
    })

    it('are told of a hundred at a time, and of none', async () => {
      const pair = { a: alice.address, b: bob.address }
      const { body } = await relationsOf(Array.from({ length: 100 }, () => pair))
      expect(body.relations).toHaveLength(100)
      expect(new Set(body.relations.map(JSON.stringify)).size).toBe(1)
      expect((await relationsOf([])).body).toEqual({ relations: [] })
      const tooMany = await relationsOf(Array.from({ length: 101 }, () => pair))
      expect(tooMany).toMatchObject({ status: 400, body: { message: '`pairs` is too long' } })
    })

    it.each([
      [undefined, '`pairs` is missing'],
      ['all', '`pairs` must be of type array'],
      [[{ a: NOBODY }], '`pairs.0.b` is missing'],
      [
        [
          { a: NOBODY, b: NOBODY },
          { a: NOBODY, b: '0x1' }
        ],
        '`pairs.1.b` is not an address'
      ],
      [[{ a: NOBODY, b: `${NOBODY}0` }], '`pairs.0.b` is too long'],
      [[[NOBODY, NOBODY]], '`pairs.0` must be of type object']
    ])('are told what is wrong with %j', async (pairs, message) => {
      expect(await relationsOf(pairs)).toMatchObject({ status: 400, body: { message } })
    })
  })

  describe('that ask for the friends of a user', () => {
    it('are told them page by page, whatever the user exposes', async () => {
      const user = await rest.login()
      const others = [await rest.login(), await rest.login(), await rest.login()]
      for (const other of others) await befriend(user, other)
      const friends = others.map(({ address }) => address).toSorted()
      const page = async (query: string) =>
        (await service.get(`/v1/users/${checksummed(user.address)}/friends${query}`)).body
      expect(await page('')).toEqual({ friends, total: 3 })
      expect(await page('?limit=2')).toEqual({ friends: friends.slice(0, 2), total: 3 })
      expect(await page('?limit=2&offset=2')).toEqual({ friends: friends.slice(2), total: 3 })
      expect(await page('?limit=none&offset=-1')).toEqual({ friends, total: 3 })
      expect((await service.get(`/v1/users/${NOBODY}/friends`)).body).toEqual({ friends: [], total: 0 })
      expect((await service.get('/v1/users/me/friends')).status).toBe(400)
    })
  })

  it('are let in by a key with the scope alone', async () => {
    const [path, friends] = [`/v1/users/${alice.address}/privacy-settings`, `/v1/users/${alice.address}/friends`]
    for (const each of [path, friends]) expect((await service.get(each)).status).toBe(200)
    expect((await service.post('/v1/users/relations', { pairs: [] })).status).toBe(200)

    const refused = await limited.get(path)
    expect(refused).toMatchObject({
      status: 403,
      body: { code: 403, error: 'Forbidden', message: 'Missing scope: settings:read' }
    })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="settings:read"')
    expect((await limited.get(friends)).status).toBe(200)
    expect((await limited.send('HEAD', path)).status).toBe(403)
    expect((await rest.send('HEAD', friends)).status).toBe(401)
    // A stranger learns nothing about a body.
    expect((await limited.post('/v1/users/relations', { pairs: 'all' })).status).toBe(403)
    expect((await rest.post('/v1/users/relations', { pairs: 'all' })).status).toBe(401)
  })

  it('have no place among the users, nor users among them', async () => {
    for (const path of ['/v1/friendships/me', '/v1/account/config', '/_matrix/client/v3/account/whoami']) {
      expect((await service.get(path)).status).toBe(401)
    }
    const path = `/v1/users/${alice.address}/friends`
    expect((await alice.rest.get(path)).status).toBe(401)
    expect((await rest.as('metrics').get(path)).status).toBe(401)
  })

  it.each([
    ['nothing', ''],
    ['a letter', 'x'],
    ['its beginning', 'dcl_social_'],
    ['one that was never made', `dcl_social_${'0'.repeat(12)}_${'A'.repeat(43)}`],
    ['thousands of letters', 'A'.repeat(5_000)]
  ])('are refused with what is no key: %s', async (_, text) => {
    const { status, headers } = await rest.as(text).get(`/v1/users/${NOBODY}/friends`)
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toMatch(/^Bearer( error="invalid_token")?$/)
  })
})
