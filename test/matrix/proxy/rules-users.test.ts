import { PrivateMessagePrivacySetting } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, type MatrixUser, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { loginV2 } from '../../env/v2.ts'

const MESSAGE = { msgtype: 'm.text', body: 'Hi' }
const FORBIDDEN = { status: 403, body: { errcode: 'M_FORBIDDEN' } }

describeWithSynapse('the settings of users', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  test('private messages for friends only are refused to others, also when they have sent a request', async () => {
    const { alice, bob, roomId } = await env.pair()
    const send = (by: MatrixUser) => by.rest.post(`${CLIENT}/rooms/${part(roomId)}/send/m.room.message`, MESSAGE)
    const { client } = await loginV2(env.env, bob)
    await client.upsertSocialSettings({ privateMessagesPrivacy: PrivateMessagePrivacySetting.ONLY_FRIENDS })
    expect(await send(alice)).toMatchObject(FORBIDDEN)
    expect((await send(bob)).status).toBe(200)

    const alicesClient = (await loginV2(env.env, alice)).client
    await alicesClient.requestFriendship(bob.address)
    expect(await send(alice)).toMatchObject(FORBIDDEN)
    await client.acceptFriendshipRequest(alice.address)
    expect((await send(alice)).status).toBe(200)
  })

  test('presence is set by its user alone', async () => {
    const { alice, bob } = await env.pair()
    const status = { presence: 'online', status_msg: '{"realm":{"serverName":"a","layer":"b"}}' }
    const path = (user: MatrixUser) => `${CLIENT}/presence/${part(user.userId)}/status`
    expect((await alice.rest.put(path(alice), status)).status).toBe(200)
    expect((await alice.rest.get(path(alice))).body).toMatchObject({
      presence: 'online',
      status_msg: status.status_msg
    })
    expect(await alice.rest.put(path(bob), status)).toMatchObject(FORBIDDEN)
    expect((await alice.rest.put(path(alice), { ...status, status_msg: 'x'.repeat(2_000) })).status).toBe(400)
  })
})
