import { SocialClientForbiddenError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { collect, type Env, type V1User } from '../../env/app.ts'
import { Rest, startService } from '../../env/rest.ts'
import { connectivity, listen, loginV2, type V2User } from '../../env/v2.ts'

let env: Env
beforeAll(async () => {
  env = await startService({ PRESENCE_GRACE: '0ms' })
})
afterAll(() => env.stop())

/** The blocker is on v2, as v1 knows no blocks; the other is on v1, and beside it on v2 to look. */
interface Two {
  readonly blocker: V2User
  readonly other: V1User
  readonly others: V2User
}

async function two(): Promise<Two> {
  const other = await env.login()
  return { blocker: await loginV2(env), other, others: await loginV2(env, other) }
}

async function befriend(a: V2User, b: V2User): Promise<void> {
  await a.client.requestFriendship(b.address)
  await b.client.acceptFriendshipRequest(a.address)
}

const friendUpdates = (user: V2User) => listen(env, user.address, user.client.subscribeToFriendshipUpdates())
const blockUpdates = (user: V2User) => listen(env, user.address, user.client.subscribeToBlockUpdates())

const user = ({ address }: Wallet) => ({ user: { address } })

describe('a block, for the blocked user on v1', () => {
  it('deletes a friendship, and forbids a new request both ways in the same words', async () => {
    const { blocker, other, others } = await two()
    await befriend(blocker, others)
    const toOther = await env.updates(other)
    await blocker.client.blockUser(other.address)
    expect(await toOther.next()).toMatchObject({ delete: user(blocker) })
    expect(await collect(other.client.getFriends())).toEqual([])
    expect((await blocker.client.getFriends()).friends).toEqual([])
    const blockersV1 = await env.login(blocker)
    const refusals = await Promise.allSettled([
      other.client.requestFriendship(blocker.address),
      blockersV1.client.requestFriendship(other.address)
    ])
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ reason: new SocialClientForbiddenError('This user cannot be befriended') })
    }
  })

  it.each([
    ['sent', ({ blocker, other }: Two) => other.client.requestFriendship(blocker.address), [], 'reject'],
    ['received', ({ blocker, other }: Two) => blocker.client.requestFriendship(other.address), ['request'], 'cancel']
  ])('ends a request that the blocking user %s, as if there were no block', async (_, ask, before, end) => {
    const users = await two()
    const { blocker, other, others } = users
    const toOther = await env.updates(other)
    await ask(users)
    for (const action of before) expect(await toOther.next()).toHaveProperty(action)
    await blocker.client.blockUser(other.address)
    expect(await toOther.next()).toMatchObject({ [end]: user(blocker) })
    for (const each of [other, await env.login(blocker)]) {
      expect(await each.client.getRequestEvents()).toMatchObject({ incoming: { total: 0 }, outgoing: { total: 0 } })
    }
    for (const each of [others, blocker]) {
      expect((await each.client.getPendingFriendshipRequests()).requests).toEqual([])
      expect((await each.client.getSentFriendshipRequests()).requests).toEqual([])
    }
  })

  it('is not seen when there was nothing between the two, and its end never is', async () => {
    const { blocker, other } = await two()
    const toOther = await env.updates(other)
    await blocker.client.blockUser(other.address)
    await blocker.client.unblockUser(other.address)
    await blocker.client.blockUser(other.address)
    await blocker.client.unblockUser(other.address)
    await blocker.client.requestFriendship(other.address, 'after all')
    expect((await toOther.next()).request?.message).toBe('after all')
  })
})

describe('a block, for the blocked user on v2', () => {
  it('is an update, also by a stranger', async () => {
    const [alice, bob] = [await loginV2(env), await loginV2(env)]
    const [friendships, blocks] = [await friendUpdates(bob), await blockUpdates(bob)]
    await alice.client.blockUser(bob.address)
    expect(await friendships.next()).toMatchObject({ block: user(alice) })
    expect(await blocks.next()).toEqual({ address: alice.address, isBlocked: true })
  })

  it('causes one update and keeps its time when it is repeated, in any letter case', async () => {
    const [alice, bob] = [await loginV2(env), await loginV2(env)]
    const [friendships, blocks] = [await friendUpdates(bob), await blockUpdates(bob)]
    const first = await alice.client.blockUser(bob.address)
    expect(await alice.client.blockUser(bob.address.toUpperCase())).toEqual(first)
    // Also when the last thing that happened to the two was another.
    await bob.client.blockUser(alice.address)
    expect(await alice.client.blockUser(bob.address.replace('0x', '0X'))).toEqual(first)
    expect((await alice.client.getBlockedUsers()).profiles).toEqual([first.profile])
    await alice.client.unblockUser(bob.address)
    expect(await blocks.next()).toEqual({ address: alice.address, isBlocked: true })
    expect(await blocks.next()).toEqual({ address: alice.address, isBlocked: false })
    expect(await friendships.next()).toMatchObject({ block: user(alice) })
    expect(friendships.items).toEqual([])
  })

  it('changes nothing when it is lifted without being there, and causes no update', async () => {
    const [alice, bob] = [await loginV2(env), await loginV2(env)]
    await befriend(alice, bob)
    const blocks = await blockUpdates(bob)
    await alice.client.unblockUser(bob.address)
    expect((await alice.client.getFriends()).friends).toHaveLength(1)
    await bob.client.blockUser(alice.address)
    await alice.client.unblockUser(bob.address)
    expect((await bob.client.getBlockingStatus()).blockedUsers).toEqual([alice.address])
    await alice.client.blockUser(bob.address)
    expect(await blocks.next()).toEqual({ address: alice.address, isBlocked: true })
  })

  it('restores nothing when it is lifted, and either user may request again', async () => {
    const [alice, bob] = [await loginV2(env), await loginV2(env)]
    await befriend(alice, bob)
    await alice.client.blockUser(bob.address)
    await alice.client.unblockUser(bob.address)
    for (const each of [alice, bob]) expect((await each.client.getFriends()).friends).toEqual([])
    await befriend(bob, alice)
    expect((await alice.client.getFriends()).friends).toHaveLength(1)
  })

  it('makes the blocking user offline from then on', async () => {
    const [alice, bob] = [await loginV2(env), await loginV2(env)]
    await befriend(alice, bob)
    const comings = await Promise.all(
      [alice, bob].map(each => listen(env, each.address, each.client.subscribeToFriendConnectivityUpdates()))
    )
    const next = () => Promise.all(comings.map(async each => connectivity(await each.next())))
    expect(await next()).toEqual([`${bob.address} online`, `${alice.address} online`])
    await alice.client.blockUser(bob.address)
    expect(await next()).toEqual([`${bob.address} offline`, `${alice.address} offline`])
    await loginV2(env, alice)
    await alice.client.unblockUser(bob.address)
    await befriend(alice, bob)
    expect(await next()).toEqual([`${bob.address} online`, `${alice.address} online`])
  })
})

describe('two users of whom one blocks the other', () => {
  it('have no friends in common, on v1, v2 and REST', async () => {
    const { blocker, other, others } = await two()
    const carol = await loginV2(env)
    await befriend(carol, blocker)
    await befriend(carol, others)
    const login = new Rest(env.app.httpUrl)
    const ofBlocker = (await login.login(blocker)).rest
    const ofOther = (await login.login(other)).rest
    await ofBlocker.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
    const mutual = () => ofOther.get(`/v1/friendships/${blocker.address}/mutuals`)
    expect((await mutual()).body).toEqual({ friendships: [{ address: carol.address }] })

    await blocker.client.blockUser(other.address)
    const none = { friends: [], paginationData: { total: 0, page: 1 } }
    expect(await blocker.client.getMutualFriends(other.address)).toEqual(none)
    expect(await others.client.getMutualFriends(blocker.address)).toEqual(none)
    expect(await collect(other.client.getMutualFriends(blocker.address))).toEqual([])
    expect((await mutual()).status).toBe(403)
    for (const what of ['', '/count']) {
      const answer = await ofOther.get(`/v1/friendships/${blocker.address}${what}`)
      expect(answer).toMatchObject({ status: 403, body: { message: 'This user does not show you their friends' } })
    }
    await blocker.client.unblockUser(other.address)
    expect((await mutual()).body).toEqual({ friendships: [{ address: carol.address }] })
  })

  it('do not see each other among the friends of somebody else, nor in their number', async () => {
    const { blocker, other, others } = await two()
    const carol = await loginV2(env)
    await befriend(carol, blocker)
    await befriend(carol, others)
    const login = new Rest(env.app.httpUrl)
    const ofCarol = (await login.login(carol)).rest
    await ofCarol.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
    const seenBy = async (viewer: Wallet) => {
      const { rest } = await login.login(viewer)
      const { friendships } = (await rest.get(`/v1/friendships/${carol.address}`)).body
      const { count } = (await rest.get(`/v1/friendships/${carol.address}/count`)).body
      return [friendships.map(({ address }: Wallet) => address), count]
    }
    const both = [[blocker.address, other.address].sort(), 2]
    expect(await seenBy(other)).toEqual(both)
    await blocker.client.blockUser(other.address)
    expect(await seenBy(other)).toEqual([[other.address], 1])
    expect(await seenBy(blocker)).toEqual([[blocker.address], 1])
    expect(await seenBy(await createWallet())).toEqual(both)
    expect(await seenBy(carol)).toEqual(both)
  })

  it('are not in the own lists and numbers of each other', async () => {
    const { blocker, other, others } = await two()
    await befriend(blocker, others)
    const login = new Rest(env.app.httpUrl)
    const sessions = [await login.login(blocker), await login.login(other)]
    await blocker.client.blockUser(other.address)
    for (const { rest } of sessions) {
      expect((await rest.get('/v1/friendships/me')).body).toEqual({ friendships: [] })
      expect((await rest.get('/v1/friendships/me/count')).body).toEqual({ count: 0 })
      expect((await rest.get('/v1/friendships/me/requests')).body).toEqual({ incoming: [], outgoing: [] })
    }
  })
})
