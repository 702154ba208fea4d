import { afterAll, beforeAll, expect, test } from 'vitest'
import { Env, Inbox } from '../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../env/databases.ts'
import { ReceivedUpdates } from '../env/received-updates.ts'
import { until } from '../env/until.ts'
import { loginV2 } from '../env/v2.ts'
import { TcpProxy } from './tcp-proxy.ts'

describeWithPostgres('A stream that is opened while the database is away', () => {
  let proxy: TcpProxy
  beforeAll(async () => {
    proxy = await TcpProxy.start(await freshPostgres())
  })
  afterAll(() => proxy[Symbol.asyncDispose]())

  test('waits, and begins when it is back: of a session that is known, or not, or of a socket', async () => {
    await using env = await Env.start({ DATABASE_URL: proxy.url }, { logger: silent })
    const [alice, bob] = [await env.login(), await env.login()]
    await bob.client.requestFriendship(alice.address)
    await alice.client.acceptFriendshipRequest(bob.address)
    const aliceOnV2 = await loginV2(env, alice)
    const unknown = await env.login(alice)

    proxy.refuse()
    const inboxes = [new Inbox(alice.client), new Inbox(unknown.client)]
    const updates = new ReceivedUpdates(aliceOnV2.client.subscribeToFriendshipUpdates())
    const online = new ReceivedUpdates(aliceOnV2.client.subscribeToFriendConnectivityUpdates())
    const blocks = new ReceivedUpdates(aliceOnV2.client.subscribeToBlockUpdates())
    const refused = proxy.refused
    await until(() => proxy.refused > refused + 20, 'they have tried again')
    const streams = [...inboxes, updates, online, blocks]
    expect(streams.map(({ ended }) => ended)).toEqual(streams.map(() => null))

    proxy.accept()
    await until(async () => (await env.openStreams()) === 5, 'all have begun')
    await bob.client.removeFriend(alice.address)
    await until(() => [...inboxes, updates].every(({ items }) => items.length === 1), 'the update comes')
    expect(streams.map(({ ended }) => ended)).toEqual(streams.map(() => null))
  })

  test('ends as unavailable after its time', async () => {
    const settings = { DATABASE_URL: proxy.url, STREAM_START_TIMEOUT: '200ms' }
    await using env = await Env.start(settings, { logger: silent })
    const alice = await env.login()
    const aliceOnV2 = await loginV2(env, alice)
    await alice.client.getRequestEvents()
    proxy.refuse()
    const inbox = new Inbox(alice.client)
    const online = new ReceivedUpdates(aliceOnV2.client.subscribeToFriendConnectivityUpdates())
    await until(() => inbox.ended !== null && online.ended !== null, 'they end')
    expect(String(inbox.ended)).toContain('The database is not available')
    expect(await env.openStreams()).toBe(0)
    proxy.accept()
  })
})
