import { type Conversation, ConversationType, CursorDirection, type TextMessage } from 'dcl-social-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHAT_MODES, MatrixEnv } from '../../env/matrix.ts'
import { type ChatUser, loginToChat } from '../../env/social-client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { loginV2 } from '../../env/v2.ts'

describeWithSynapse.each(CHAT_MODES)('the published client, in a conversation, in %s mode', mode => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse(mode), { MATRIX_MODE: mode })
  })
  afterAll(() => env[Symbol.asyncDispose]())

  /** Two users, of whom one has opened the conversation that both are in. */
  async function conversation(): Promise<{ alice: ChatUser; bob: ChatUser; id: string }> {
    const [alice, bob] = await Promise.all([loginToChat(env), loginToChat(env)])
    const { id } = await alice.client.createDirectConversation(bob.id)
    await inConversation(alice, id)
    await inConversation(bob, id)
    return { alice, bob, id }
  }
  const inConversation = ({ client }: ChatUser, id: string) =>
    until(() => client.getAllCurrentConversations().some(it => it.conversation.id === id), 'the user is in the room')
  const unread = ({ client }: ChatUser, id: string) => client.getConversationUnreadMessages(id).length
  const sendAll = async ({ client }: ChatUser, id: string, texts: readonly string[]): Promise<string[]> => {
    const ids: string[] = []
    for (const text of texts) ids.push(await client.sendMessageTo(id, text))
    return ids
  }

  test('finds another by address, and opens the same conversation from both sides', async () => {
    const { alice, bob, id } = await conversation()
    expect(await bob.client.createDirectConversation(alice.id)).toMatchObject({ id, type: ConversationType.DIRECT })
    expect(await alice.client.createDirectConversation(bob.id)).toMatchObject({ id })
    const known = () => alice.client.getAllCurrentConversations().map(it => it.conversation)
    await until(() => known()[0]?.userIds?.length === 2 && known()[0]?.type === ConversationType.DIRECT, 'she knows it')
    expect(known()).toMatchObject([{ id, type: ConversationType.DIRECT, userIds: [alice.id, bob.id] }])
  })

  test('does not find who was never there', async () => {
    const alice = await loginToChat(env)
    const nobody = `@0x${'0'.repeat(40)}:localhost`
    await expect(alice.client.createDirectConversation(nobody)).rejects.toThrow('not part of the system')
  })

  test('is notified of each message once, with its author and conversation', async () => {
    const { alice, bob, id } = await conversation()
    const received: [Conversation, TextMessage][] = []
    bob.client.onMessage((where, message) => received.push([where, message]))
    const messageId = await alice.client.sendMessageTo(id, 'Hi Bob 👋')
    const answerId = await bob.client.sendMessageTo(id, 'Hi Alice')
    await until(() => received.some(([, message]) => message.id === answerId), 'both messages are received')
    expect(received.map(([where, { id: messageId, text, sender }]) => [where.id, messageId, text, sender])).toEqual([
      [id, messageId, 'Hi Bob 👋', alice.id],
      [id, answerId, 'Hi Alice', bob.id]
    ])
  })

  test('counts what is unread until it is read', async () => {
    const { alice, bob, id } = await conversation()
    const messages = await sendAll(alice, id, ['one', 'two', 'three'])
    await until(() => unread(bob, id) === 3, 'three messages are unread')
    expect(bob.client.getTotalUnseenMessages()).toBe(3)
    expect(bob.client.doesConversationHaveUnreadMessages(id)).toBe(true)
    expect(bob.client.getAllConversationsWithUnreadMessages().map(it => it.id)).toEqual([id])
    expect(unread(alice, id)).toBe(0)

    await bob.client.markAsRead(id, messages[1] ?? '')
    await until(() => unread(bob, id) === 1, 'two of them are read')
    expect(bob.client.getLastReadMessage(id)?.id).toBe(messages[1])
    await bob.client.markMessagesAsSeen(id)
    await until(() => unread(bob, id) === 0, 'all are read')
  })

  test('remembers on another device what was read', async () => {
    const { alice, bob, id } = await conversation()
    const [first = ''] = await sendAll(alice, id, ['one', 'two'])
    await until(() => unread(bob, id) === 2, 'both are unread')
    await bob.client.markAsRead(id, first)
    const tablet = await loginToChat(env, bob)
    await until(() => unread(tablet, id) === 1, 'one is unread there')
  })

  test('reads back through a long conversation, page by page', async () => {
    const { alice, bob, id } = await conversation()
    const texts = Array.from({ length: 30 }, (_, number) => `message ${number}`)
    await sendAll(alice, id, texts)
    const tablet = await loginToChat(env, bob)
    const cursor = await tablet.client.getCursorOnLastMessage(id, { initialSize: 10, limit: 40 })
    const seen = () => cursor?.getMessages().map(({ text }) => text)
    expect(seen()).toEqual(texts.slice(-10))
    while (cursor?.canExtendInDirection(CursorDirection.BACKWARDS)) {
      await cursor.moveInDirection(CursorDirection.BACKWARDS, 10)
    }
    expect(seen()).toEqual(texts)
  })

  test('starts reading in the middle, and goes on from there both ways', async () => {
    const { alice, bob, id } = await conversation()
    const texts = Array.from({ length: 12 }, (_, number) => `message ${number}`)
    const ids = await sendAll(alice, id, texts)
    await until(() => unread(bob, id) > 0, 'messages have come')
    const cursor = await bob.client.getCursorOnMessage(id, ids[6], { initialSize: 3 })
    const seen = () => cursor?.getMessages().map(({ text }) => text) ?? []
    expect(seen()).toContain('message 6')
    await cursor?.moveInDirection(CursorDirection.FORWARDS, 3)
    await cursor?.moveInDirection(CursorDirection.BACKWARDS, 3)
    const from = texts.indexOf(seen()[0] ?? '')
    expect(seen().length).toBeGreaterThan(3)
    expect(seen()).toEqual(texts.slice(from, from + seen().length))
  })

  test('starts reading where reading ended', async () => {
    const { alice, bob, id } = await conversation()
    const ids = await sendAll(alice, id, ['one', 'two', 'three'])
    await until(() => unread(bob, id) === 3, 'all have come')
    await bob.client.markAsRead(id, ids[0] ?? '')
    await until(() => bob.client.getLastReadMessage(id)?.id === ids[0], 'the mark is there')
    const cursor = await bob.client.getCursorOnLastRead(id)
    expect(cursor?.getMessages().map(({ text, status }) => [text, status])).toEqual([
      ['one', 'read'],
      ['two', 'unread'],
      ['three', 'unread']
    ])
  })

  test('hears nothing again of what was written before it came', async () => {
    const { alice, bob, id } = await conversation()
    await sendAll(alice, id, ['one', 'two'])
    const tablet = await loginToChat(env, bob)
    const received: string[] = []
    tablet.client.onMessage((_, { text }) => received.push(text))
    await alice.client.sendMessageTo(id, 'three')
    await until(() => received.length > 0, 'a message is received')
    expect(received).toEqual(['three'])
  })

  test('has read everything when it answers', async () => {
    const { alice, bob, id } = await conversation()
    expect(bob.client.doesConversationHaveUnreadMessages(id)).toBe(false)
    await sendAll(alice, id, ['one', 'two'])
    await until(() => unread(bob, id) === 2, 'both are unread')
    await bob.client.sendMessageTo(id, 'three')
    await until(() => unread(bob, id) === 0, 'nothing is unread')
    expect(bob.client.doesConversationHaveUnreadMessages(id)).toBe(false)
  })

  test('is notified once also while it reads', async () => {
    const { alice, bob, id } = await conversation()
    const received: string[] = []
    bob.client.onMessage((_, { text }) => received.push(text))
    await bob.client.getCursorOnLastMessage(id)
    await sendAll(alice, id, ['one', 'two'])
    await until(() => received.includes('two'), 'both are received')
    expect(received).toEqual(['one', 'two'])
  })

  test('keeps to itself with three: each pair has a conversation of its own', async () => {
    const { alice, bob, id } = await conversation()
    const carol = await loginToChat(env)
    const received: string[] = []
    carol.client.onMessage((_, { text }) => received.push(text))
    const other = await alice.client.createDirectConversation(carol.id)
    expect(other.id).not.toBe(id)
    await inConversation(carol, other.id)
    await bob.client.sendMessageTo(id, 'only for alice')
    await alice.client.sendMessageTo(other.id, 'only for carol')
    await until(() => received.includes('only for carol'), 'carol has hers')
    expect(received).toEqual(['only for carol'])
    await expect(carol.client.sendMessageTo(id, 'let me in')).rejects.toThrow()
  })

  test('ends where one blocks the other, and goes on when the block is lifted', async () => {
    const { alice, bob, id } = await conversation()
    const { client } = await loginV2(env.env, bob)
    await client.blockUser(alice.address)
    await expect(alice.client.sendMessageTo(id, 'Hello?')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    await expect(bob.client.sendMessageTo(id, 'No')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    await client.unblockUser(alice.address)
    // The client sends nothing more after what it could not send, so another one of hers does.
    const tablet = await loginToChat(env, alice)
    expect(await tablet.client.sendMessageTo(id, 'Hello again')).toMatch(/^\$/)
  })
})
