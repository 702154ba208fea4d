import { FriendshipStatus } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { SocialClientIncompleteResponseError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { collect, Env } from '../../env/app.ts'
import { until } from '../../env/until.ts'
import { bare, connectivity, connectV2, listen, loginV2, type V2User } from '../../env/v2.ts'

let env: Env
beforeAll(async () => {
  env = await Env.start({ PRESENCE_GRACE: '0ms' })
})
afterAll(() => env.stop())

async function two(): Promise<[V2User, V2User]> {
  return [await loginV2(env), await loginV2(env)]
}

async function befriend(a: V2User, b: V2User): Promise<void> {
  await a.client.requestFriendship(b.address)
  await b.client.acceptFriendshipRequest(a.address)
}

const friendUpdates = (user: V2User) => listen(env, user.address, user.client.subscribeToFriendshipUpdates())
const blockUpdates = (user: V2User) => listen(env, user.address, user.client.subscribeToBlockUpdates())
const comings = (user: V2User) => listen(env, user.address, user.client.subscribeToFriendConnectivityUpdates())

async function friendsOf(user: V2User): Promise<string[]> {
  return (await user.client.getFriends()).friends.map(({ address }) => address)
}

describe('a friendship over the published v2 client', () => {
  it('is requested, seen, accepted and listed by both, with one id and one time', async () => {
    const [alice, bob] = await two()
    const [toAlice, toBob] = [await friendUpdates(alice), await friendUpdates(bob)]
    const before = Date.now()

    const answer = await alice.client.requestFriendship(bob.address, 'Hello 👋')
    expect(answer).toMatchObject({ friend: bare(bob.address), message: 'Hello 👋' })
    expect(answer.createdAt).toBeGreaterThanOrEqual(before)
    expect(answer.createdAt).toBeLessThanOrEqual(Date.now())
    const seenByBob = { ...answer, friend: bare(alice.address) }
    expect((await toBob.next()).request).toEqual(seenByBob)
    const page = { total: 1, page: 1 }
    expect(await bob.client.getPendingFriendshipRequests()).toEqual({ requests: [seenByBob], paginationData: page })
    expect(await alice.client.getSentFriendshipRequests()).toEqual({ requests: [answer], paginationData: page })

    const accepted = await bob.client.acceptFriendshipRequest(alice.address)
    expect(accepted).toMatchObject({ friend: bare(alice.address), message: undefined })
    expect((await toAlice.next()).accept).toEqual({ user: { address: bob.address } })
    expect(await alice.client.getFriends()).toEqual({ friends: [bare(bob.address)], paginationData: page })
    expect(await friendsOf(bob)).toEqual([alice.address])
    expect((await alice.client.getSentFriendshipRequests()).requests).toEqual([])
    expect((await bob.client.getPendingFriendshipRequests()).paginationData).toEqual({ total: 0, page: 1 })
  })

  it('is canceled, rejected and deleted, and the other gets each update', async () => {
    const [alice, bob] = await two()
    const [toAlice, toBob] = [await friendUpdates(alice), await friendUpdates(bob)]
    await alice.client.requestFriendship(bob.address)
    await toBob.next()
    await alice.client.cancelFriendshipRequest(bob.address)
    expect((await toBob.next()).cancel).toEqual({ user: { address: alice.address } })
    await alice.client.requestFriendship(bob.address)
    await toBob.next()
    await bob.client.rejectFriendshipRequest(alice.address)
    expect((await toAlice.next()).reject).toEqual({ user: { address: bob.address } })
    await befriend(alice, bob)
    await toBob.next()
    await toAlice.next()
    expect((await bob.client.removeFriendship(alice.address)).friend).toEqual(bare(alice.address))
    expect((await toAlice.next()).delete).toEqual({ user: { address: bob.address } })
    expect(await friendsOf(alice)).toEqual([])
  })

  it('shows friends in common', async () => {
    const [alice, bob] = await two()
    const [carol, dave] = await two()
    await befriend(alice, carol)
    await befriend(bob, carol)
    await befriend(alice, dave)
    expect(await alice.client.getMutualFriends(bob.address)).toEqual({
      friends: [bare(carol.address)],
      paginationData: { total: 1, page: 1 }
    })
    expect((await alice.client.getMutualFriends(dave.address)).friends).toEqual([])
    const own = (await alice.client.getMutualFriends(alice.address)).friends.map(({ address }) => address)
    expect(own).toEqual([carol.address, dave.address].sort())
  })

  it('has a status from either side, in every state', async () => {
    const [alice, bob] = await two()
    const statuses = async () => {
      const both = [
        await alice.client.getFriendshipStatus(bob.address),
        await bob.client.getFriendshipStatus(alice.address)
      ]
      return both.map(({ status, message }) => [FriendshipStatus[status], message].filter(Boolean).join(' '))
    }
    expect(await statuses()).toEqual(['NONE', 'NONE'])
    await alice.client.requestFriendship(bob.address, 'hi')
    expect(await statuses()).toEqual(['REQUEST_SENT hi', 'REQUEST_RECEIVED hi'])
    await alice.client.cancelFriendshipRequest(bob.address)
    expect(await statuses()).toEqual(['CANCELED', 'CANCELED'])
    await bob.client.requestFriendship(alice.address)
    expect(await statuses()).toEqual(['REQUEST_RECEIVED', 'REQUEST_SENT'])
    await alice.client.rejectFriendshipRequest(bob.address)
    expect(await statuses()).toEqual(['REJECTED', 'REJECTED'])
    await befriend(bob, alice)
    expect(await statuses()).toEqual(['ACCEPTED', 'ACCEPTED'])
    await alice.client.removeFriendship(bob.address)
    expect(await statuses()).toEqual(['DELETED', 'DELETED'])
    await alice.client.blockUser(bob.address)
    expect(await statuses()).toEqual(['BLOCKED', 'BLOCKED_BY'])
    await bob.client.blockUser(alice.address)
    expect(await statuses()).toEqual(['BLOCKED', 'BLOCKED'])
    await alice.client.unblockUser(bob.address)
    expect(await statuses()).toEqual(['BLOCKED_BY', 'BLOCKED'])
    await bob.client.unblockUser(alice.address)
    expect(await statuses()).toEqual(['DELETED', 'DELETED'])
  })

  it('is an incomplete response when it is refused, to a client that knows none of the cases', async () => {
    const [alice, bob] = await two()
    for (const refused of [
      () => alice.client.acceptFriendshipRequest(bob.address),
      () => alice.client.blockUser('bob')
    ]) {
      await expect(refused()).rejects.toThrow(SocialClientIncompleteResponseError)
    }
    await expect(alice.client.getMutualFriends('bob')).rejects.toThrow('RemoteError: `user` is not an Ethereum address')
  })

  it('reaches a friend on v1, and the other way round', async () => {
    const alice = await env.login()
    const dave = await loginV2(env)
    const [toAlice, toDave] = [await env.updates(alice), await friendUpdates(dave)]
    const sent = await dave.client.requestFriendship(alice.address, 'v2 here')
    const seen = (await toAlice.next()).request
    expect(seen).toEqual({
      user: { address: dave.address },
      message: 'v2 here',
      createdAt: Math.floor(sent.createdAt / 1000)
    })
    await alice.client.acceptFriendshipRequest(dave.address)
    expect((await toDave.next()).accept).toEqual({ user: { address: alice.address } })
    expect(await collect(alice.client.getFriends())).toEqual([dave.address])
    expect(await friendsOf(dave)).toEqual([alice.address])
    await alice.client.removeFriend(dave.address)
    expect((await toDave.next()).delete).toEqual({ user: { address: alice.address } })
    const back = await alice.client.requestFriendship(dave.address, 'v1 here')
    const request = (await toDave.next()).request
    expect(request).toMatchObject({ friend: bare(alice.address), message: 'v1 here' })
    expect(Math.floor((request?.createdAt ?? 0) / 1000)).toBe(back?.request?.createdAt)
  })
})

describe('blocks over the published v2 client', () => {
  it('are made, seen, listed and lifted', async () => {
    const [alice, bob] = await two()
    const toBob = await blockUpdates(bob)
    const { profile } = await alice.client.blockUser(bob.address)
    expect(profile).toEqual({ ...bare(bob.address), blockedAt: expect.any(Number) })
    expect(Math.abs((profile?.blockedAt ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(await toBob.next()).toEqual({ address: alice.address, isBlocked: true })
    expect(await alice.client.getBlockedUsers()).toEqual({
      profiles: [profile],
      paginationData: { total: 1, page: 1 }
    })
    expect(await alice.client.getBlockingStatus()).toEqual({ blockedUsers: [bob.address], blockedByUsers: [] })
    expect(await bob.client.getBlockingStatus()).toEqual({ blockedUsers: [], blockedByUsers: [alice.address] })

    expect((await alice.client.unblockUser(bob.address)).profile).toEqual(bare(bob.address))
    expect(await toBob.next()).toEqual({ address: alice.address, isBlocked: false })
    expect((await alice.client.getBlockedUsers()).profiles).toEqual([])
    expect(await alice.client.getBlockingStatus()).toEqual({ blockedUsers: [], blockedByUsers: [] })
  })
})

describe('settings over the published v2 client', () => {
  it('have defaults, are changed one by one, and are seen by others', async () => {
    const [alice, bob] = await two()
    const all = { privateMessagesPrivacy: 0, blockedUsersMessagesVisibility: 0 }
    expect((await alice.client.getSocialSettings()).settings).toEqual(all)
    expect(await alice.client.upsertSocialSettings({ privateMessagesPrivacy: 1 })).toEqual({
      ...all,
      privateMessagesPrivacy: 1
    })
    expect(await alice.client.upsertSocialSettings({ blockedUsersMessagesVisibility: 1 })).toEqual({
      privateMessagesPrivacy: 1,
      blockedUsersMessagesVisibility: 1
    })
    await befriend(bob, alice)
    const stranger = (await createWallet()).address
    expect((await bob.client.getPrivateMessagesSettings([stranger, alice.address])).settings).toEqual([
      { user: { address: stranger }, privateMessagesPrivacy: 0, isFriend: false },
      { user: { address: alice.address }, privateMessagesPrivacy: 1, isFriend: true }
    ])
  })
})

describe('connectivity over the published v2 client', () => {
  it('shows friends that are there, come and go, on either protocol', async () => {
    const [alice, bob] = await two()
    const [carol, onV1] = [await createWallet(), await env.login()]
    await befriend(alice, bob)
    await alice.client.requestFriendship(onV1.address)
    await onV1.client.acceptFriendshipRequest(alice.address)
    const toAlice = await comings(alice)
    const first = [connectivity(await toAlice.next()), connectivity(await toAlice.next())]
    expect(first.sort()).toEqual([`${bob.address} online`, `${onV1.address} online`].sort())
    bob.client.disconnect()
    expect(connectivity(await toAlice.next())).toBe(`${bob.address} offline`)
    await loginV2(env, bob)
    expect(connectivity(await toAlice.next())).toBe(`${bob.address} online`)
    onV1.client.disconnect()
    expect(connectivity(await toAlice.next())).toBe(`${onV1.address} offline`)

    const carolHere = await loginV2(env, carol)
    await befriend(carolHere, alice)
    expect(connectivity(await toAlice.next())).toBe(`${carol.address} online`)
    await carolHere.client.removeFriendship(alice.address)
    expect(connectivity(await toAlice.next())).toBe(`${carol.address} offline`)
  })
})

describe('a method of another service', () => {
  it('is answered as where there is no chat and none can be begun, or with a stream that stays open and silent', async () => {
    const [alice, bob] = await two()
    const notServed = 'Voice chats and communities are not part of this service'
    await expect(alice.client.startPrivateVoiceChat(bob.address)).rejects.toThrow(notServed)
    const { service } = await connectV2(env, alice)
    const [callId, communityId, userAddress] = ['1', '2', bob.address]
    const community = { communityId }
    const member = { communityId, userAddress }
    const cases = async (calls: Promise<{ response?: { $case: string } | undefined }>[]) =>
      [...new Set((await Promise.all(calls)).map(({ response }) => response?.$case))].join()
    const private_ = [
      service.getIncomingPrivateVoiceChatRequest({}),
      service.acceptPrivateVoiceChat({ callId }),
      service.rejectPrivateVoiceChat({ callId }),
      service.endPrivateVoiceChat({ callId })
    ]
    const communal = [
      service.joinCommunityVoiceChat(community),
      service.requestToSpeakInCommunityVoiceChat({ ...community, isRaisingHand: true }),
      service.promoteSpeakerInCommunityVoiceChat(member),
      service.demoteSpeakerInCommunityVoiceChat(member),
      service.kickPlayerFromCommunityVoiceChat(member),
      service.rejectSpeakRequestInCommunityVoiceChat(member),
      service.muteSpeakerFromCommunityVoiceChat({ ...member, muted: true }),
      service.endCommunityVoiceChat(community)
    ]
    expect(await cases(private_)).toBe('notFound')
    expect(await cases(communal)).toBe('notFoundError')
    expect(await cases([service.startCommunityVoiceChat(community)])).toBe('forbiddenError')
    const calls = alice.client.subscribeToPrivateVoiceChatUpdates()
    const first = calls.next()
    expect(await Promise.race([first, alice.client.getFriends()])).toHaveProperty('friends')
  })
})

describe('a device', () => {
  it('notices its disconnection', async () => {
    const alice = await loginV2(env)
    let disconnections = 0
    alice.client.onDisconnect(() => disconnections++)
    alice.client.onConnectionError(() => disconnections++)
    const others = await env.openStreams()
    const updates = await friendUpdates(alice)
    alice.client.disconnect()
    await until(async () => disconnections === 1 && (await env.openStreams()) <= others, 'the socket is closed')
    expect(updates.items).toEqual([])
  })

  it('gets the same updates as any other device of its user', async () => {
    const [alice, bob] = await two()
    const phone = await loginV2(env, bob)
    const onV1 = await env.login(bob)
    const [first, second] = [await friendUpdates(bob), await friendUpdates(phone)]
    const [blocks, moreBlocks] = [await blockUpdates(bob), await blockUpdates(phone)]
    const third = await env.updates(onV1)
    const { id } = await alice.client.requestFriendship(bob.address)
    for (const updates of [first, second]) expect((await updates.next()).request?.id).toBe(id)
    expect((await third.next()).request?.user?.address).toBe(alice.address)
    await alice.client.blockUser(bob.address)
    for (const updates of [first, second])
      expect((await updates.next()).block).toEqual({ user: { address: alice.address } })
    for (const updates of [blocks, moreBlocks])
      expect(await updates.next()).toEqual({ address: alice.address, isBlocked: true })
  })
})
