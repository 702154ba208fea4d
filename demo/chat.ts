import './silence.ts'
import { randomBytes } from 'node:crypto'
import { Authenticator } from '@dcl/crypto'
import { SocialClient } from 'dcl-social-client'
import { type Synapse, startSynapse } from '../test/env/synapse/homeserver.ts'
import { ensureSynapse } from '../test/env/synapse/installation.ts'
import { listenOnV1, Stage, type V1Person } from './stage.ts'
import type { Steps } from './steps.ts'
import { until } from './updates.ts'

/** How long the homeserver may take to follow on a busy machine, in milliseconds. */
const FOLLOW_MS = 10_000

/**
 * Starts a Synapse with the service in front of it. Two wallets become friends by RPC, find the room that was made for
 * them, and write to each other through the published client of the Matrix API.
 * @param closing what is to be undone at the end, last first
 */
export async function chat(steps: Steps, closing: (() => Promise<void>)[]): Promise<void> {
  await steps.run('Synapse is installed in .cache, unless it was', ensureSynapse)
  const synapse = await steps.run('Synapse starts', () => startSynapse())
  closing.push(() => synapse.stop())
  const stage = await steps.run('The service starts in front of it', () => Stage.open(steps, settingsFor(synapse)))
  closing.push(() => stage.close())

  const alice = await steps.run('Alice logs in with a new wallet', () => stage.login('Alice'))
  const bob = await steps.run('Bob logs in with a new wallet', () => stage.login('Bob'))
  const toBob = await steps.run('Bob subscribes to updates', () => listenOnV1(stage, bob))
  await steps.run('Alice asks Bob: "Shall we talk?"', () =>
    alice.client.requestFriendship(bob.address, 'Shall we talk?')
  )
  await steps.run('Bob is notified at once, and accepts', async () => {
    await toBob.expect('request of Alice "Shall we talk?"')
    await bob.client.acceptFriendshipRequest(alice.address)
  })

  const login = (person: V1Person) => loginToChat(stage, person, closing)
  const alicesChat = await steps.run('Alice opens her chat', () => login(alice))
  const bobsChat = await steps.run('Bob opens his', () => login(bob))
  const room = await steps.run('Both find the room that was made for them', async () => {
    const shared = () => roomsOf(alicesChat).find(id => roomsOf(bobsChat).includes(id))
    await until(() => shared() !== undefined, FOLLOW_MS)
    return shared() ?? ''
  })
  await steps.run('Alice writes "Hi Bob!", and Bob reads it', () => say(alicesChat, bobsChat, room, 'Hi Bob!'))
  await steps.run('Bob writes "Hi Alice!", and Alice reads it', () => say(bobsChat, alicesChat, room, 'Hi Alice!'))
  await steps.run('Bob blocks Alice: she cannot write any more', async () => {
    const { client } = await stage.connect('Bob', bob)
    await client.blockUser(alice.address)
    const outcome = await alicesChat.sendMessageTo(room, 'Hello?').catch((error: unknown) => error)
    if (!(outcome instanceof Error)) throw new Error('she could')
  })
}

function settingsFor({ url, serverName, asToken, hsToken }: Synapse): Record<string, string> {
  return {
    MATRIX_MODE: 'appservice',
    MATRIX_HOMESERVER_URL: url,
    MATRIX_AS_TOKEN: asToken,
    MATRIX_HS_TOKEN: hsToken,
    MATRIX_TOKEN_KEY: randomBytes(32).toString('hex'),
    SERVER_NAME: serverName
  }
}

async function loginToChat(
  stage: Stage,
  { address, identity }: V1Person,
  closing: (() => Promise<void>)[]
): Promise<SocialClient> {
  const now = Date.now()
  const chain = Authenticator.signPayload(identity, String(now))
  const client = await SocialClient.loginToServer(stage.httpUrl, address, now, chain)
  closing.push(() => client.logout())
  return client
}

const roomsOf = (client: SocialClient): string[] =>
  client.getAllCurrentConversations().map(({ conversation }) => conversation.id)

/** Lets one write, and waits until the other has read it. */
async function say(from: SocialClient, to: SocialClient, room: string, text: string): Promise<void> {
  const received: string[] = []
  to.onMessage((conversation, message) => {
    if (conversation.id === room) received.push(message.text)
  })
  await from.sendMessageTo(room, text)
  await until(() => received.includes(text), FOLLOW_MS)
}
