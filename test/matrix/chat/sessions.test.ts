import { PresenceType } from 'dcl-social-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MatrixEnv } from '../../env/matrix.ts'
import { type ChatUser, loginToChat } from '../../env/social-client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

describeWithSynapse('the published client, in its session', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  async function friends(): Promise<[ChatUser, ChatUser]> {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const [first, second] = await Promise.all([env.env.login(alice), env.env.login(bob)])
    await first.client.requestFriendship(bob.address)
    await second.client.acceptFriendshipRequest(alice.address)
    for (const { client } of [alice, bob]) {
      await until(() => client.getAllCurrentConversations().length === 1, 'both are in their room')
    }
    return [alice, bob]
  }

  test('knows who it is, and where', async () => {
    const alice = await loginToChat(env)
    expect(alice.client.isLoggedIn()).toBe(true)
    expect(alice.client.getUserId()).toBe(`@${alice.address}:localhost`)
    expect(alice.client.getDomain()).toBe('localhost')
    expect(alice.client.getAccessToken()).toEqual(expect.any(String))
  })

  test('shows friends where one is, and that one is gone', async () => {
    const [alice, bob] = await friends()
    const status = {
      presence: PresenceType.ONLINE,
      realm: { serverName: 'hela', layer: 'blue' },
      position: { x: 7, y: -3 }
    }
    await alice.client.setStatus(status)
    // Its listener is never called by any server: it compares user ids with addresses. What it knows, it can be asked.
    const seen = () => bob.client.getUserStatuses(alice.id).get(alice.id)
    await until(() => seen()?.realm?.serverName === 'hela', 'the status is seen')
    expect(seen()).toMatchObject(status)
    // With each of her polls she is online again for the homeserver, perhaps before he has heard of anything else.
    await until(async () => {
      await alice.client.setStatus({ ...status, presence: PresenceType.UNAVAILABLE })
      return seen()?.presence === PresenceType.UNAVAILABLE
    }, 'it is seen that she is away')
  })

  test('shows a name and a picture', async () => {
    const [alice, bob] = await friends()
    const profile = { displayName: 'Alice of Genesis', avatarUrl: 'mxc://localhost/abc' }
    await alice.client.setProfileInfo(profile)
    expect(await bob.client.getProfileInfo(alice.id)).toEqual(profile)
    const [{ conversation } = { conversation: { id: '' } }] = bob.client.getAllCurrentConversations()
    const shown = () => bob.client.getMemberInfo(conversation.id, alice.id).displayName
    await until(() => shown() === profile.displayName, 'the name is shown in the conversation')
  })

  test('ends with a logout, and another one of the user goes on', async () => {
    const alice = await loginToChat(env)
    const tablet = await loginToChat(env, alice)
    const token = alice.client.getAccessToken() ?? ''
    await alice.client.logout()
    expect(alice.client.isLoggedIn()).toBe(false)
    expect((await env.rest.as(token).get('/v1/friendships/me')).status).toBe(401)
    expect((await env.rest.as(token).get('/_matrix/client/r0/sync')).status).toBe(401)
    expect(await tablet.client.getAllFriendsAddresses()).toEqual([])
    expect((await env.rest.as(tablet.client.getAccessToken() ?? '').get('/v1/friendships/me')).status).toBe(200)
  })

  test('has its conversations again with the next login', async () => {
    const [alice, bob] = await friends()
    const [before] = alice.client.getAllCurrentConversations()
    await alice.client.logout()
    const again = await loginToChat(env, alice)
    expect(again.client.getAllCurrentConversations()).toMatchObject([
      { conversation: { id: before?.conversation.id, userIds: [alice.id, bob.id] } }
    ])
  })
})

describeWithSynapse('the published client, with a homeserver that checks logins', () => {
  test('logs in, chats, makes friends and logs out', async () => {
    await using env = await MatrixEnv.start(await sharedSynapse('passthrough'), { MATRIX_MODE: 'passthrough' })
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const received: string[] = []
    bob.client.onMessage((_, { text, sender }) => received.push(`${sender}: ${text}`))
    const { id } = await alice.client.createDirectConversation(bob.id)
    for (const { client } of [alice, bob]) {
      await until(() => client.getAllCurrentConversations().some(it => it.conversation.id === id), 'the room is known')
    }
    await alice.client.sendMessageTo(id, 'Hi Bob')
    await until(() => received.length === 1, 'the message is received')
    expect(received).toEqual([`${alice.id}: Hi Bob`])

    await alice.client.addAsFriend(bob.id)
    await until(() => bob.client.getPendingRequests().length === 1, 'the request waits')
    await bob.client.approveFriendshipRequestFrom(alice.id)
    expect(await alice.client.getAllFriendsAddresses()).toEqual([bob.address])
    const token = alice.client.getAccessToken() ?? ''
    await alice.client.logout()
    expect((await env.rest.as(token).get('/v1/friendships/me')).status).toBe(401)
  })
})
