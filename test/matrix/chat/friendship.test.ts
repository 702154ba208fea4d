import { afterAll, beforeAll, expect, test } from 'vitest'
import { MatrixEnv } from '../../env/matrix.ts'
import { type ChatUser, loginToChat } from '../../env/social-client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

describeWithSynapse('the published client, among friends', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const newUsers = async (): Promise<[ChatUser, ChatUser]> => Promise.all([loginToChat(env), loginToChat(env)])
  const friendsOf = ({ client }: ChatUser) => client.getAllFriendsAddresses()

  /** The conversation is open on both sides; the client acts on a friendship only when it knows the room. */
  async function acquainted(): Promise<[ChatUser, ChatUser]> {
    const [alice, bob] = await newUsers()
    const { id } = await alice.client.createDirectConversation(bob.id)
    for (const { client } of [alice, bob]) {
      await until(() => client.getAllCurrentConversations().some(it => it.conversation.id === id), 'the room is known')
    }
    return [alice, bob]
  }

  /** Everything of which one user's client is notified, as `what: by whom`. */
  function notificationsOf({ client }: ChatUser): string[] {
    const notifications: string[] = []
    client.onFriendshipRequest((by, message) => notifications.push(`request: ${by} ${message}`))
    client.onFriendshipRequestCancellation(by => notifications.push(`cancel: ${by}`))
    client.onFriendshipRequestRejection(by => notifications.push(`reject: ${by}`))
    client.onFriendshipRequestApproval(by => notifications.push(`accept: ${by}`))
    client.onFriendshipDeletion(by => notifications.push(`delete: ${by}`))
    return notifications
  }
  const isNotified = (notifications: string[], what: string) =>
    until(() => notifications.includes(what), `somebody is notified of ${what}`)

  test('sends a request that is accepted, and both are friends', async () => {
    const [alice, bob] = await acquainted()
    const [toAlice, toBob] = [notificationsOf(alice), notificationsOf(bob)]
    await alice.client.addAsFriend(bob.id, 'Shall we?')
    await isNotified(toBob, `request: ${alice.id} Shall we?`)
    const waiting = () => bob.client.getPendingRequests()
    await until(() => waiting()[0]?.message !== undefined, 'the request waits, with its message')
    expect(waiting()).toMatchObject([{ from: alice.id, to: bob.id, message: 'Shall we?' }])

    await bob.client.approveFriendshipRequestFrom(alice.id)
    await isNotified(toAlice, `accept: ${bob.id}`)
    expect(await friendsOf(alice)).toEqual([bob.address])
    expect(await friendsOf(bob)).toEqual([alice.address])
    expect(await bob.client.isUserMyFriend(alice.address)).toBe(true)
    expect(await alice.client.getAllCurrentFriendsConversations()).toHaveLength(1)
    await until(() => bob.client.getPendingRequests().length === 0, 'nothing waits any more')
  })

  test('takes a request back, refuses one, and ends a friendship', async () => {
    const [alice, bob] = await acquainted()
    const [toAlice, toBob] = [notificationsOf(alice), notificationsOf(bob)]
    const waits = (of: ChatUser, count: number) =>
      until(() => of.client.getPendingRequests().length === count, `${count} requests wait`)

    await alice.client.addAsFriend(bob.id)
    await waits(alice, 1)
    await alice.client.cancelFriendshipRequestTo(bob.id)
    await isNotified(toBob, `cancel: ${alice.id}`)
    await waits(alice, 0)

    await bob.client.addAsFriend(alice.id)
    await waits(alice, 1)
    await alice.client.rejectFriendshipRequestFrom(bob.id)
    await isNotified(toBob, `reject: ${alice.id}`)
    await waits(bob, 0)

    await alice.client.addAsFriend(bob.id)
    await waits(bob, 1)
    await bob.client.approveFriendshipRequestFrom(alice.id)
    await isNotified(toAlice, `accept: ${bob.id}`)
    await alice.client.deleteFriendshipWith(bob.id)
    await isNotified(toBob, `delete: ${alice.id}`)
    expect(await friendsOf(bob)).toEqual([])
  })

  test('is notified of what is done over the RPC, and the other way round', async () => {
    const [alice, bob] = await acquainted()
    const notifications = notificationsOf(bob)
    const rpc = await env.env.login(alice)
    await rpc.client.requestFriendship(bob.address, 'From a world')
    await isNotified(notifications, `request: ${alice.id} From a world`)
    const updates = await env.env.updates(rpc)
    await until(() => bob.client.getPendingRequests().length === 1, 'the request waits')
    await bob.client.approveFriendshipRequestFrom(alice.id)
    expect(await updates.next()).toMatchObject({ accept: { user: { address: bob.address } } })
    expect(await friendsOf(alice)).toEqual([bob.address])
  })

  test('has friends in common', async () => {
    const [alice, bob] = await acquainted()
    const carol = await loginToChat(env)
    for (const user of [alice, bob]) {
      const [rpc, other] = [await env.env.login(user), await env.env.login(carol)]
      await rpc.client.requestFriendship(carol.address)
      await other.client.acceptFriendshipRequest(user.address)
    }
    const rest = await env.rest.login(bob)
    await rest.rest.put('/v1/account/config', { config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } })
    expect(await alice.client.getMutualFriends(bob.id)).toEqual([carol.address])
    expect(await alice.client.getMutualFriends(carol.id)).toEqual([])
    await until(() => carol.client.getAllCurrentConversations().length === 2, 'carol is in the rooms of both')
  })
})
