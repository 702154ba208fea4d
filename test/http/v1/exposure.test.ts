import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../env/app.ts'
import { act, befriend, type LoggedIn, Rest, startService } from '../../env/rest.ts'
import { connectV2 } from '../../env/v2.ts'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService()
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const LEVELS = ['EVERYONE', 'FRIENDS_OF_FRIENDS', 'FRIENDS', 'ONLY_ME'] as const
const VIEWERS = ['stranger', 'acquainted', 'friend', 'owner'] as const
type Viewer = (typeof VIEWERS)[number]

/** Who sees what is exposed so far. */
const SEEN: Record<(typeof LEVELS)[number], readonly Viewer[]> = {
  EVERYONE: VIEWERS,
  FRIENDS_OF_FRIENDS: ['acquainted', 'friend', 'owner'],
  FRIENDS: ['friend', 'owner'],
  ONLY_ME: ['owner']
}

const expose = (user: LoggedIn, friends: string, friendsCount: string) =>
  user.rest.put('/v1/account/config', { config: { friends, friendsCount } })
const addressesOf = (body: { friendships: { address: string }[] }): string[] =>
  body.friendships.map(({ address }) => address)

describe('what a user exposes', () => {
  let viewers: Record<Viewer, LoggedIn>
  let owner: LoggedIn
  beforeAll(async () => {
    const [stranger, acquainted, friend] = [await rest.login(), await rest.login(), await rest.login()]
    owner = await rest.login()
    viewers = { stranger, acquainted, friend, owner }
    await befriend(owner, friend)
    await befriend(friend, acquainted)
  })

  const combinations = LEVELS.flatMap(friends => LEVELS.map(friendsCount => ({ friends, friendsCount })))
  it.each(combinations)('is shown to whom it says: friends $friends, count $friendsCount', async levels => {
    await expose(owner, levels.friends, levels.friendsCount)
    for (const viewer of VIEWERS) {
      const { rest: user } = viewers[viewer]
      const statusOf = async (path: string) => (await user.get(`/v1/friendships/${owner.address}${path}`)).status
      const list = SEEN[levels.friends].includes(viewer) ? 200 : 403
      const count = SEEN[levels.friendsCount].includes(viewer) ? 200 : 403
      expect([viewer, await statusOf(''), await statusOf('/mutuals')]).toEqual([viewer, list, list])
      expect([viewer, await statusOf('/count')]).toEqual([viewer, count])
    }
  })

  it('is the list itself, the number and what is in common', async () => {
    await expose(owner, 'EVERYONE', 'EVERYONE')
    const path = `/v1/friendships/${owner.address}`
    const [{ rest: stranger }, { rest: acquainted }] = [viewers.stranger, viewers.acquainted]
    expect(addressesOf((await stranger.get(path)).body)).toEqual([viewers.friend.address])
    expect((await stranger.get(`${path}/count`)).body).toEqual({ count: 1 })
    expect(addressesOf((await stranger.get(`${path}/mutuals`)).body)).toEqual([])
    expect(addressesOf((await acquainted.get(`${path}/mutuals`)).body)).toEqual([viewers.friend.address])
  })

  it('is refused in the same words to every viewer, whether or not the user was ever here', async () => {
    await expose(owner, 'ONLY_ME', 'ONLY_ME')
    const answers = await Promise.all(
      [owner.address, `0x${'7'.repeat(40)}`].flatMap(user =>
        ['', '/mutuals', '/count'].map(path => viewers.stranger.rest.get(`/v1/friendships/${user}${path}`))
      )
    )
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 403, body: { code: 403, error: 'Forbidden' } })
  })

  it('follows a change at once', async () => {
    const { rest: friend } = viewers.friend
    const path = `/v1/friendships/${owner.address}`
    for (const level of ['FRIENDS', 'ONLY_ME', 'FRIENDS'] as const) {
      await expose(owner, level, level)
      expect((await friend.get(path)).status).toBe(level === 'FRIENDS' ? 200 : 403)
    }
    await act(viewers.friend, owner, 'delete')
    expect((await friend.get(path)).status).toBe(403)
    await befriend(viewers.friend, owner)
  })
})

describe('a block', () => {
  const block = async (actor: LoggedIn, target: LoggedIn): Promise<void> => {
    const { service } = await connectV2(env, actor)
    const { response } = await service.blockUser({ user: { address: target.address } })
    expect(response?.$case).toBe('ok')
  }

  it('hides each of the two from the other, whatever they expose', async () => {
    const [alice, bob, carol] = [await rest.login(), await rest.login(), await rest.login()]
    for (const user of [alice, bob]) {
      await befriend(user, carol)
      await expose(user, 'EVERYONE', 'EVERYONE')
    }
    await befriend(alice, bob)
    await block(alice, bob)
    for (const [viewer, owner] of [[alice, bob] as const, [bob, alice] as const]) {
      expect(addressesOf((await viewer.rest.get('/v1/friendships/me')).body)).toEqual([carol.address])
      expect((await viewer.rest.get('/v1/friendships/me/count')).body).toEqual({ count: 1 })
      for (const path of ['', '/mutuals', '/count']) {
        const answer = await viewer.rest.get(`/v1/friendships/${owner.address}${path}`)
        expect(answer).toMatchObject({ status: 403, body: { code: 403, message: /does not show/ } })
      }
    }
  })

  it('hides each of the two in the lists of others that the other looks at', async () => {
    const [alice, bob, carol] = [await rest.login(), await rest.login(), await rest.login()]
    await befriend(alice, carol)
    await befriend(bob, carol)
    await expose(carol, 'EVERYONE', 'EVERYONE')
    const seenBy = async ({ rest: viewer }: LoggedIn) =>
      addressesOf((await viewer.get(`/v1/friendships/${carol.address}`)).body).sort()
    expect(await seenBy(alice)).toEqual([alice.address, bob.address].sort())
    await block(bob, alice)
    expect([await seenBy(alice), await seenBy(bob)]).toEqual([[alice.address], [bob.address]])
    expect(await seenBy(carol)).toEqual([alice.address, bob.address].sort())
  })

  it('ends requests both ways, and no new one can be made', async () => {
    const [alice, bob] = [await rest.login(), await rest.login()]
    await act(bob, alice, 'request')
    await block(alice, bob)
    for (const user of [alice, bob]) {
      const { body } = await user.rest.get('/v1/friendships/me/requests')
      expect(body).toEqual({ incoming: [], outgoing: [] })
    }
    await expect(act(bob, alice, 'request')).rejects.toThrow('403')
    await expect(act(alice, bob, 'request')).rejects.toThrow('403')
  })
})
