import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Env } from '../../env/app.ts'
import { Rest, startService } from '../../env/rest.ts'

const PATH = '/v1/account/config'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService()
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

it('settings are for nobody else until they are changed, each user their own', async () => {
  const [alice, bob] = [await rest.login(), await rest.login()]
  const unset = { config: { friends: 'ONLY_ME', friendsCount: 'ONLY_ME' } }
  expect((await alice.rest.get(PATH)).body).toEqual(unset)
  const levels = ['EVERYONE', 'FRIENDS_OF_FRIENDS', 'FRIENDS', 'ONLY_ME']
  for (const friends of levels) {
    for (const friendsCount of levels) {
      const config = { config: { friends, friendsCount } }
      expect(await alice.rest.put(PATH, config)).toMatchObject({ status: 200, body: config })
      expect((await alice.rest.get(PATH)).body).toEqual(config)
    }
  }
  expect((await bob.rest.get(PATH)).body).toEqual(unset)
})

it.each<[string, unknown, string]>([
  ['a level that there is not', { friends: 'NOBODY', friendsCount: 'FRIENDS' }, '`config.friends` must be one of'],
  ['a level in lower case', { friends: 'FRIENDS', friendsCount: 'friends' }, '`config.friendsCount` must be one of'],
  ['a list', [], '`config` must be of type object'],
  ['nothing', null, '`config` must be of type object'],
  ['no config at all', undefined, '`config` is missing']
])('a change to %s is refused, and nothing changes', async (_, config, message) => {
  const alice = await rest.login()
  expect(await alice.rest.put(PATH, { config })).toMatchObject({
    status: 400,
    body: { code: 400, error: 'Bad Request', message: expect.stringContaining(message) }
  })
  expect((await alice.rest.get(PATH)).body).toEqual({ config: { friends: 'ONLY_ME', friendsCount: 'ONLY_ME' } })
})

it('what a change does not give has its default, and is not kept', async () => {
  const alice = await rest.login()
  await alice.rest.put(PATH, { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
  for (const [given, now] of [
    [{ friends: 'FRIENDS' }, { friends: 'FRIENDS', friendsCount: 'ONLY_ME' }],
    [{ friendsCount: 'FRIENDS_OF_FRIENDS' }, { friends: 'ONLY_ME', friendsCount: 'FRIENDS_OF_FRIENDS' }],
    [{}, { friends: 'ONLY_ME', friendsCount: 'ONLY_ME' }]
  ]) {
    expect(await alice.rest.put(PATH, { config: given })).toMatchObject({ status: 200, body: { config: now } })
    expect((await alice.rest.get(PATH)).body).toEqual({ config: now })
  }
})

it('a change that brings a prototype is refused', async () => {
  const alice = await rest.login()
  const text = '{"config":{"__proto__":{"friends":"EVERYONE","friendsCount":"EVERYONE"}}}'
  const answer = await alice.rest.send('PUT', PATH, { text, headers: { 'content-type': 'application/json' } })
  expect(answer).toMatchObject({ status: 400, body: { code: 400 } })
  expect((await alice.rest.get(PATH)).body.config.friends).toBe('ONLY_ME')
})

it('a token is required before the body is looked at', async () => {
  const text = 'x'.repeat(1_000_000)
  for (const user of [rest, rest.as('made-up')]) {
    const { status } = await user.send('PUT', PATH, { text, headers: { 'content-type': 'application/json' } })
    expect(status).toBe(user.token === null ? 400 : 401)
  }
})
