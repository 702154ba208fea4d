import { beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Database } from '../../src/storage/db/database.ts'
import { Env } from '../env/app.ts'
import { Instance } from '../env/cluster.ts'
import { describeWithPostgres, freshPostgres, LIMITS, silent } from '../env/databases.ts'
import { logIn } from '../env/login.ts'
import { program } from '../env/program.ts'
import { Rest, statePath } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { WebhookReceiver } from '../env/webhook-receiver.ts'

const settingsOf = (receiver: WebhookReceiver, name = 'chat') => ({
  WEBHOOKS: `${name}=${receiver.url}`,
  WEBHOOK_SECRETS: `${name}=${receiver.secret}`
})

it('tells a webhook what users do, and nothing of what it was not to be told', async () => {
  await using chat = await WebhookReceiver.start()
  const events = 'chat=friendship.requested friendship.accepted user.settings_changed'
  await using env = await Env.start({ ...settingsOf(chat), WEBHOOK_EVENTS: events })
  const [alice, bob] = [await env.login(), await env.login()]
  await alice.client.requestFriendship(bob.address, 'Shall we?')
  await bob.client.acceptFriendshipRequest(alice.address)
  await alice.client.removeFriend(bob.address)
  const { rest } = await new Rest(env.app.httpUrl).login(bob)
  const config = { friends: 'EVERYONE', friendsCount: 'ONLY_ME' }
  expect((await rest.put('/v1/account/config', { config })).status).toBe(200)
  expect((await rest.put('/v1/account/config', { config })).status).toBe(200)
  await alice.client.requestFriendship(bob.address, 'Again?')
  await until(() => chat.received.length === 4, 'it is told')
  const ofPair = chat.received.filter(({ data }) => 'actor' in data)
  expect(ofPair.map(({ type, data }) => [type, data['actor'], data['target'], data['message']])).toEqual([
    ['friendship.requested', alice.address, bob.address, 'Shall we?'],
    ['friendship.accepted', bob.address, alice.address, undefined],
    ['friendship.requested', alice.address, bob.address, 'Again?']
  ])
  expect(chat.received.filter(({ data }) => 'user' in data).map(({ data }) => [data['user'], data['changed']])).toEqual(
    [[bob.address, ['friends']]]
  )
  expect(chat.forged).toEqual([])
})

describeWithPostgres('an instance', () => {
  // Compiling it counts as a preparation.
  beforeAll(program)

  it('that is killed while a webhook is under way leaves it to another, which sends it with the same id', async () => {
    await using chat = await WebhookReceiver.start()
    const DATABASE_URL = await freshPostgres()
    const env = { DATABASE_URL, ...settingsOf(chat), ENVIRONMENT: 'local' }
    const [first, second] = [await Instance.create(env), await Instance.create(env)]
    const db = await Database.open({ ...LIMITS, url: DATABASE_URL }, silent)
    try {
      await first.process.start()
      const [alice, bob] = [await createWallet(), await createWallet()]
      const accessToken = await logIn(first.httpUrl, alice)
      chat.answer = () => 'hang'
      const path = statePath(alice.address, bob.address)
      const rest = new Rest(first.httpUrl, accessToken)
      for (const type of ['request', 'cancel']) expect((await rest.put(path, { type })).status).toBe(200)
      await until(() => chat.calls.length === 1, 'it is under way')
      await first.process.stop('SIGKILL')
      chat.answer = () => 204
      await second.process.start()
      // Its lease would last for a minute.
      await db.rows({ name: 'end-leases', text: 'update notification_outbox set available_at = 0' }, [])
      await until(() => chat.received.length === 2, 'the other sends it, and what came after it')
      expect(chat.calls.map(({ type }) => type)).toEqual([
        'friendship.requested',
        'friendship.requested',
        'friendship.canceled'
      ])
      expect(chat.calls[0]?.id).toBe(chat.calls[1]?.id)
    } finally {
      await Promise.all([first, second].map(({ process }) => process.stop('SIGKILL')))
      await db.close()
    }
  })

  it('that starts with a sink anew tells what happens from then on, and after a time without it what it missed', async () => {
    await using chat = await WebhookReceiver.start()
    await using another = await WebhookReceiver.start()
    const DATABASE_URL = await freshPostgres()
    const alice = await createWallet()
    const asked: string[] = []
    const request = async (settings: Record<string, string>): Promise<void> => {
      await using env = await Env.start({ DATABASE_URL, ...settings })
      const { address } = await createWallet()
      await (await env.login(alice)).client.requestFriendship(address)
      asked.push(address.toLowerCase())
    }
    await request({})
    await (await Env.start({ DATABASE_URL, ...settingsOf(chat) })).stop()
    await request({})
    await request(settingsOf(another, 'another'))
    await request(settingsOf(chat))
    await using _ = await Env.start({ DATABASE_URL, ...settingsOf(chat) })
    const told = () => new Set(chat.received.map(({ data }) => data['target']))
    await until(() => told().size === 3, 'it is told the last three of four')
    expect([...told()].sort()).toEqual(asked.slice(1).sort())
  })
})
