import {
  BlockedUsersMessagesVisibilitySetting,
  PrivateMessagePrivacySetting
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EventNotification } from '../../src/notifications/friendship-event.ts'
import type { Env } from '../env/app.ts'
import { FaultProxy } from '../env/fault-proxy.ts'
import { CREDENTIALS, describeWithMoto, Moto, type SnsQueue } from '../env/moto.ts'
import { startService } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, type V2Device } from '../env/v2.ts'
import { type CatalystServer, startCatalyst } from '../profiles/catalyst-server.ts'
import { known } from '../profiles/env.ts'
import { attributesOf, textOfAcceptance, textOfRequest } from './events.ts'
import { type Gatekeeper, startGatekeeper } from './gatekeeper-server.ts'

const TOKEN = 'aToken'

describeWithMoto('a service with its neighbours', () => {
  let moto: Moto
  /** The way to it. */
  let proxy: FaultProxy
  let topic: string
  let queue: SnsQueue
  let catalyst: CatalystServer
  let gatekeeper: Gatekeeper
  let env: Env

  beforeAll(async () => {
    ;[moto, catalyst, gatekeeper] = await Promise.all([Moto.start(), startCatalyst(), startGatekeeper()])
    proxy = await FaultProxy.start(moto.url)
    topic = await moto.createTopic('events')
    queue = await moto.subscribe(topic, 'events')
    env = await startService({
      AWS_SNS_ARN: topic,
      AWS_SNS_ENDPOINT: proxy.url,
      ...CREDENTIALS,
      CATALYST_URL: catalyst.url,
      CATALYST_TIMEOUT: '20s',
      COMMS_GATEKEEPER_URL: gatekeeper.url,
      COMMS_GATEKEEPER_AUTH_TOKEN: TOKEN
    })
  })
  afterAll(async () => {
    await env.stop()
    await Promise.all([
      proxy[Symbol.asyncDispose](),
      moto.kill(),
      catalyst[Symbol.asyncDispose](),
      gatekeeper[Symbol.asyncDispose]()
    ])
  })

  /** Lets somebody act. @returns what is to be published of it */
  const act = async (actor: V2Device, action: 'request' | 'accept', target: V2Device): Promise<EventNotification> => {
    const user = { address: target.address }
    const payload =
      action === 'request'
        ? { $case: action, request: { user, message: 'Hello' } }
        : { $case: action, accept: { user } }
    const { response } = await actor.service.upsertFriendship({ action: payload })
    if (response?.$case !== 'accepted') throw new Error(`The answer was ${response?.$case}`)
    const { id, createdAt: at } = response.accepted
    const pair = { actor: actor.address, target: target.address }
    return {
      kind: 'friendship',
      id: '',
      seq: Number(id),
      at,
      ...pair,
      action,
      message: action === 'request' ? 'Hello' : null
    }
  }

  it('publishes requests and acceptances once, as the service before did, in their order', async () => {
    const [alice, bob, carol] = [await connectV2(env), await connectV2(env), await connectV2(env)]
    const asked = await act(alice, 'request', bob)
    const answered = await act(bob, 'accept', alice)
    await bob.service.upsertFriendship({ action: { $case: 'delete', delete: { user: { address: alice.address } } } })
    await bob.service.blockUser({ user: { address: carol.address } })
    const again = await act(alice, 'request', bob)
    await until(async () => (await queue.messages()).length >= 3, 'all of it is published')
    expect(await queue.messages()).toEqual([
      { topicArn: topic, text: textOfRequest(asked, known), attributes: attributesOf('friendship-request') },
      { topicArn: topic, text: textOfAcceptance(answered, known), attributes: attributesOf('friendship-accepted') },
      { topicArn: topic, text: textOfRequest(again, known), attributes: attributesOf('friendship-request') }
    ])
  })

  it('tells comms-gatekeeper of every change of who may write, and of no other', async () => {
    const alice = await connectV2(env)
    await alice.service.upsertSocialSettings({
      blockedUsersMessagesVisibility: BlockedUsersMessagesVisibilitySetting.DO_NOT_SHOW_MESSAGES
    })
    await alice.service.upsertSocialSettings({ privateMessagesPrivacy: PrivateMessagePrivacySetting.ONLY_FRIENDS })
    await alice.service.upsertSocialSettings({ privateMessagesPrivacy: PrivateMessagePrivacySetting.ALL })
    await until(() => gatekeeper.received.length >= 2, 'comms-gatekeeper is told')
    const line = `PATCH /users/${alice.address}/private-messages-privacy`
    const [authorization, type] = [`Bearer ${TOKEN}`, 'application/json']
    expect(gatekeeper.received).toEqual([
      { line, authorization, type, body: '{"private_messages_privacy":"only_friends"}' },
      { line, authorization, type, body: '{"private_messages_privacy":"all"}' }
    ])
  })

  it('publishes the same again when it did not see the answer', async () => {
    const [alice, bob] = [await connectV2(env), await connectV2(env)]
    const before = (await queue.messages()).length
    let isFirst = true
    proxy.mischief = () => {
      const fault = isFirst ? 'cut after' : null
      isFirst = false
      return fault
    }
    const asked = await act(alice, 'request', bob)
    const answered = await act(bob, 'accept', alice)
    await until(async () => (await queue.messages()).length >= before + 3, 'all of it is published')
    expect((await queue.messages()).slice(before).map(({ text }) => text)).toEqual([
      textOfRequest(asked, known),
      textOfRequest(asked, known),
      textOfAcceptance(answered, known)
    ])
  })

  it('publishes later what happened while AWS was away', async () => {
    const [alice, bob] = [await connectV2(env), await connectV2(env)]
    proxy.goDown()
    await moto.kill()
    const asked = await act(alice, 'request', bob)
    const answered = await act(bob, 'accept', alice)
    await moto.start()
    // It has forgotten all, and whoever subscribes does not get what was published before.
    await moto.createTopic('events')
    queue = await moto.subscribe(topic, 'events')
    proxy.comeBack()
    await until(async () => (await queue.messages()).length >= 2, 'all of it is published')
    expect((await queue.messages()).map(({ text }) => text)).toEqual([
      textOfRequest(asked, known),
      textOfAcceptance(answered, known)
    ])
  })
})
