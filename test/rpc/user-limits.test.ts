import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { SocialClientTooManyRequestsError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { logIn } from '../env/login.ts'
import { PresenceClient } from '../env/presence-client.ts'
import { Rest } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, handshakeOf, loginV2 } from '../env/v2.ts'
import { RawClient } from './engine/clients.ts'
import { ack, request, TYPE } from './engine/frames.ts'

describe('what one user may have and do', () => {
  let env: Env
  beforeAll(async () => {
    env = await Env.start({ MAX_CONNECTIONS_PER_USER: '2', CALLS_PER_SECOND: '10', PAIR_ACTIONS_PER_MINUTE: '4' })
  })
  afterAll(() => env.stop())

  it('is so many sockets, over both protocols; others are not concerned', async () => {
    const wallet = await createWallet()
    const first = await env.login(wallet)
    await first.client.getRequestEvents()
    const second = await loginV2(env, wallet)
    await second.client.getSocialSettings()
    const third = await env.login(wallet)
    await expect(third.client.getRequestEvents()).rejects.toThrow(SocialClientTooManyRequestsError)
    await (await env.login()).client.getRequestEvents()
    first.client.disconnect()
    await until(async () => {
      const next = await env.login(wallet)
      return next.client.getRequestEvents().then(Boolean, () => false)
    }, 'there is room again')
  })

  it.each(['GetRequestEvents', 'GetFriends'])('leaves no v1 socket open that is one too many: %s', async name => {
    const wallet = await createWallet()
    for (let count = 0; count < 2; count += 1) await (await env.login(wallet)).client.getRequestEvents()
    const payload = FriendshipsServiceDefinition.methods.getFriends.requestType.encode({
      synapseToken: await logIn(env.app.httpUrl, wallet)
    })
    using socket = await RawClient.open(env.app.rpcUrl)
    const { portId, ids } = await socket.load('FriendshipsService')
    socket.send(request(3, portId, ids[name]!, payload.finish()))
    const answer = await socket.next()
    if (answer.type === TYPE.RESPONSE) {
      expect(Buffer.from(answer.message.payload).toString()).toContain('Too many connections of this user')
    } else {
      socket.send(ack(3, portId, 0))
      expect(Buffer.from((await socket.next()).message.payload).toString()).toContain('Too many connections')
      socket.send(ack(3, portId, 1))
      expect((await socket.next()).message.closed).toBe(true)
    }
    expect(await socket.closed).toEqual({ code: 1013, reason: 'Too many connections of this user' })
  })

  it('does not count sockets behind a network that is gone against the one that comes back', async () => {
    const wallet = await createWallet()
    const gone = [await connectV2(env, wallet), await connectV2(env, wallet)]
    for (const { service, socket } of gone) {
      await service.getSocialSettings({})
      // Neither reads nor says that it is gone.
      socket.pause()
    }
    const back = [await connectV2(env, wallet), await connectV2(env, wallet)]
    for (const { service } of back) await service.getSocialSettings({})
    // Who is there keeps its place: the next one finds no room.
    const third = await RawClient.open(env.app.rpcUrl)
    env.onStop(() => third.socket.terminate())
    third.send(JSON.stringify(handshakeOf(wallet)))
    expect((await third.closed).code).toBe(1013)
    for (const { service } of back) await service.getSocialSettings({})
  })

  it('leaves a socket open on which another user is served', async () => {
    const wallet = await createWallet()
    for (let count = 0; count < 2; count += 1) await (await env.login(wallet)).client.getRequestEvents()
    using socket = await RawClient.open(env.app.rpcUrl)
    const { portId, ids } = await socket.load('FriendshipsService')
    let number = 2
    const call = async (user: Wallet): Promise<string> => {
      const { requestType } = FriendshipsServiceDefinition.methods.getRequestEvents
      const payload = requestType.encode({ synapseToken: await logIn(env.app.httpUrl, user) }).finish()
      socket.send(request(++number, portId, ids['GetRequestEvents']!, payload))
      return Buffer.from((await socket.next()).message.payload).toString()
    }
    const other = await createWallet()
    expect(await call(other)).not.toContain('Too many')
    expect(await call(wallet)).toContain('Too many connections of this user')
    expect(await call(other)).not.toContain('Too many')
  })

  it('are no sockets whose session has ended: a thief of tokens takes no place', async () => {
    const wallet = await createWallet()
    const taken = await Promise.all([PresenceClient.connect(env.app, wallet), PresenceClient.connect(env.app, wallet)])
    for (const client of taken) {
      env.onStop(() => client.disconnect())
      await client.onlineFriends()
    }
    const { rest } = await new Rest(env.app.httpUrl).login(wallet)
    expect((await rest.post('/_matrix/client/v3/logout/all')).status).toBe(200)
    for (const client of taken) expect(await client.onlineFriends()).toEqual(['unauthorizedError'])
    await (await env.login(wallet)).client.getRequestEvents()
  })

  it('is so many calls in a second', async () => {
    const user = await env.login()
    const calls = await Promise.allSettled(Array.from({ length: 50 }, () => user.client.getRequestEvents()))
    const refused = calls.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThanOrEqual(20)
    expect(calls.length - refused.length).toBeGreaterThanOrEqual(10)
    await until(() => user.client.getRequestEvents().then(Boolean, () => false), 'the second is over')
  })

  it('is so many actions upon the same other one, who can still block', async () => {
    const [flooder, victim] = [await env.login(), await loginV2(env)]
    const acts = []
    for (let round = 0; round < 3; round += 1) {
      acts.push(await flooder.client.requestFriendship(victim.address, `${round}`).catch(error => error))
      acts.push(await flooder.client.cancelFriendshipRequest(victim.address).catch(error => error))
    }
    expect(acts.filter(act => act instanceof SocialClientTooManyRequestsError)).toHaveLength(2)
    await victim.client.blockUser(flooder.address)
    expect((await victim.client.getBlockingStatus()).blockedUsers).toEqual([flooder.address])
  })
})
