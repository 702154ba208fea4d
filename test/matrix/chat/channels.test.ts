import { randomBytes } from 'node:crypto'
import { ConversationType, type Member } from 'dcl-social-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHAT_MODES, MatrixEnv } from '../../env/matrix.ts'
import { type ChatUser, loginToChat } from '../../env/social-client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

const newName = () => `chat-${randomBytes(5).toString('hex')}`

describeWithSynapse.each(CHAT_MODES)('the published client, in channels, in %s mode', mode => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse(mode), {
      MATRIX_MODE: mode,
      MAX_CHANNELS_CREATED: '2',
      MAX_CHANNELS_JOINED: '3'
    })
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const create = async ({ client }: ChatUser, name: string, members: string[] = []): Promise<string> => {
    const { conversation, created } = await client.getOrCreateChannel(name, members)
    expect(created).toBe(true)
    return conversation.id
  }

  test('creates a channel, finds it by name, joins it and talks in it', async () => {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const name = newName()
    const id = await create(alice, name)
    expect(await bob.client.getChannelByName(name)).toEqual({ id, type: ConversationType.CHANNEL })
    expect((await bob.client.getOrCreateChannel(name, [])).conversation.id).toBe(id)

    const received: string[] = []
    alice.client.onMessage(({ id: where, type }, { text }) => received.push(`${where} ${type} ${text}`))
    await bob.client.joinChannel(name)
    await until(() => bob.client.getChannel(id) !== undefined, 'the channel is known')
    await bob.client.sendMessageTo(id, 'Hi all')
    await until(() => received.length === 1, 'the message is received')
    expect(received).toEqual([`${id} ${ConversationType.CHANNEL} Hi all`])
  })

  test('tells of members who come and go', async () => {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const id = await create(alice, newName())
    let members: Member[] = []
    alice.client.onChannelMembers((_, present) => {
      members = present
    })
    const memberships: string[] = []
    bob.client.onChannelMembership(({ id: where }, membership) => memberships.push(`${where} ${membership}`))
    await bob.client.joinChannel(id)
    await until(() => members.some(({ userId }) => userId === bob.id), 'bob is seen to come')
    await bob.client.leaveChannel(id)
    await until(() => memberships.includes(`${id} leave`), 'bob knows that he has left')
    expect(memberships).toEqual([`${id} join`, `${id} leave`])
  })

  test('creates a channel with others in it', async () => {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const id = await create(alice, newName(), [bob.id])
    await until(() => bob.client.getAllCurrentConversations().some(it => it.conversation.id === id), 'bob is in it')
  })

  test('finds channels by a part of their name', async () => {
    const [alice, bob, carol] = await Promise.all([loginToChat(env), loginToChat(env), loginToChat(env)])
    const word = newName().slice(0, 12)
    const ids = [await create(alice, `${word}-a`), await create(alice, `${word}-b`), await create(bob, `${word}-c`)]
    const found = await carol.client.searchChannel(10, word)
    expect(found.channels.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect((await carol.client.searchChannel(10, newName())).channels).toEqual([])
  })

  test('comes to the limits of creating and of joining', async () => {
    const [alice, bob, carol] = await Promise.all([loginToChat(env), loginToChat(env), loginToChat(env)])
    await create(alice, newName())
    await create(alice, newName())
    await expect(alice.client.getOrCreateChannel(newName(), [])).rejects.toMatchObject({
      httpStatus: 400,
      errcode: 'M_RESOURCE_LIMIT_EXCEEDED',
      data: { error: 'Max reached' }
    })
    const others = [await create(bob, newName()), await create(bob, newName())]
    await alice.client.joinChannel(others[0] ?? '')
    await expect(alice.client.joinChannel(others[1] ?? '')).rejects.toThrow('Failed to interact with channel')
    await alice.client.leaveChannel(others[0] ?? '')
    await alice.client.joinChannel(others[1] ?? '')
    const { id, type } = await alice.client.createDirectConversation(carol.id)
    expect(type).toBe(ConversationType.DIRECT)
    await until(() => carol.client.getAllCurrentConversations().some(it => it.conversation.id === id), 'carol is in it')
  })
})
