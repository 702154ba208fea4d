import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import {
  SocialClientBadRequestError,
  SocialClientTooManyRequestsError,
  SocialClientUnauthorizedError
} from '@dcl/social-rpc-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createWallet } from '../../../demo/wallet.ts'
import { collect, type Env, type V1User } from '../../env/app.ts'
import { describeEachDatabase } from '../../env/databases.ts'
import { logIn } from '../../env/login.ts'
import { startOn } from '../../env/service.ts'
import { until } from '../../env/until.ts'

describeEachDatabase('FriendshipsService', kind => {
  let env: Env
  beforeAll(async () => {
    env = await startOn(kind, { MAX_FRIENDS: '45', MAX_PENDING_REQUESTS: '60', FRIENDS_STREAM_PAGE_SIZE: '20' })
  })
  afterAll(() => env.stop())

  async function two(): Promise<[V1User, V1User]> {
    return [await env.login(), await env.login()]
  }

  async function befriend(a: V1User, b: V1User): Promise<void> {
    await a.client.requestFriendship(b.address)
    await b.client.acceptFriendshipRequest(a.address)
  }

  describe('a friendship over the published client', () => {
    it('is requested, seen, accepted and listed by both', async () => {
      const [alice, bob] = await two()
      const [toAlice, toBob] = [await env.updates(alice), await env.updates(bob)]

      const answer = await alice.client.requestFriendship(bob.address, 'Hello 👋')
      expect(answer?.request).toMatchObject({ user: { address: bob.address }, message: 'Hello 👋' })
      const push = await toBob.next()
      expect(push.request).toEqual({ ...answer?.request, user: { address: alice.address } })
      const listed = await bob.client.getRequestEvents()
      expect(listed?.incoming).toEqual({ total: 1, items: [push.request] })
      expect((await alice.client.getRequestEvents())?.outgoing).toEqual({ total: 1, items: [answer?.request] })
      expect(Math.abs((push.request?.createdAt ?? 0) - Date.now() / 1000)).toBeLessThan(60)

      const accepted = await bob.client.acceptFriendshipRequest(alice.address)
      expect(accepted?.accept?.user?.address).toBe(alice.address)
      expect((await toAlice.next()).accept?.user?.address).toBe(bob.address)
      expect(await collect(alice.client.getFriends())).toEqual([bob.address])
      expect(await collect(bob.client.getFriends())).toEqual([alice.address])
      expect(await alice.client.getRequestEvents()).toMatchObject({ incoming: { total: 0 }, outgoing: { total: 0 } })
    })

    it('is canceled, rejected and deleted, and the other gets each update', async () => {
      const [alice, bob] = await two()
      const [toAlice, toBob] = [await env.updates(alice), await env.updates(bob)]
      await alice.client.requestFriendship(bob.address)
      await toBob.next()
      expect((await alice.client.cancelFriendshipRequest(bob.address))?.cancel?.user?.address).toBe(bob.address)
      expect((await toBob.next()).cancel?.user?.address).toBe(alice.address)
      await alice.client.requestFriendship(bob.address)
      await toBob.next()
      expect((await bob.client.rejectFriendshipRequest(alice.address))?.reject?.user?.address).toBe(alice.address)
      expect((await toAlice.next()).reject?.user?.address).toBe(bob.address)
      await befriend(alice, bob)
      await toBob.next()
      await toAlice.next()
      expect((await bob.client.removeFriend(alice.address))?.delete?.user?.address).toBe(alice.address)
      expect((await toAlice.next()).delete?.user?.address).toBe(bob.address)
      expect(await collect(alice.client.getFriends())).toEqual([])
    })

    it('reaches all devices of a user', async () => {
      const [alice, bob] = await two()
      const phone = await env.login(bob)
      const inboxes = [await env.updates(bob), await env.updates(phone)]
      await alice.client.requestFriendship(bob.address)
      for (const inbox of inboxes) expect((await inbox.next()).request?.user?.address).toBe(alice.address)
    })

    it('shows friends in common', async () => {
      const [alice, bob] = await two()
      const [carol, dave] = await two()
      await befriend(alice, carol)
      await befriend(bob, carol)
      await befriend(alice, dave)
      expect(await collect(alice.client.getMutualFriends(bob.address))).toEqual([carol.address])
      expect(await collect(alice.client.getMutualFriends(carol.address))).toEqual([])
    })
  })

  describe('the service', () => {
    it('refuses transitions in the words of the first implementation', async () => {
      const [alice, bob] = await two()
      const transition = new SocialClientBadRequestError('Invalid friendship event update transition')
      const actor = (action: string) =>
        new SocialClientBadRequestError(`Invalid acting user for friendship event update ${action}`)
      await expect(alice.client.acceptFriendshipRequest(bob.address)).rejects.toEqual(transition)
      await alice.client.requestFriendship(bob.address)
      await expect(alice.client.acceptFriendshipRequest(bob.address)).rejects.toEqual(actor('accept'))
      await expect(alice.client.rejectFriendshipRequest(bob.address)).rejects.toEqual(actor('reject'))
      await expect(bob.client.cancelFriendshipRequest(alice.address)).rejects.toEqual(actor('cancel'))
      await expect(bob.client.requestFriendship(alice.address)).rejects.toEqual(transition)
      await expect(alice.client.removeFriend(bob.address)).rejects.toEqual(transition)
    })

    it('refuses a call without a token before it reads anything else', async () => {
      const anonymous = await anonymously(env)
      const refused = {
        response: { $case: 'unauthorizedError', unauthorizedError: { message: '`auth_token` was not provided' } }
      }
      expect(await anonymous.updateFriendshipEvent({ event: undefined })).toEqual(refused)
      for await (const answer of anonymous.getMutualFriends({ user: undefined })) expect(answer).toEqual(refused)
    })

    it.each([
      ['nothing', ''],
      ['41 digits', `0x${'a'.repeat(41)}`],
      ['a NUL', `0x${'a'.repeat(39)}\0`],
      ['an emoji', `0x${'a'.repeat(39)}😀`],
      ['another kind of Matrix id', '#room:decentraland.org']
    ])('refuses %s in the place of an address', async (_, address) => {
      const alice = await env.login()
      for (const call of [
        () => alice.client.requestFriendship(address),
        () => collect(alice.client.getMutualFriends(address))
      ]) {
        await expect(call()).rejects.toThrow(SocialClientBadRequestError)
        await expect(call()).rejects.toThrow(/^`user` (was not provided|is not an Ethereum address)$/)
      }
    })

    it('refuses an action upon oneself, in any letter case', async () => {
      const alice = await env.login()
      for (const self of [
        alice.address,
        alice.address.toUpperCase().replace('0X', '0x'),
        alice.address.toUpperCase()
      ]) {
        await expect(alice.client.requestFriendship(self)).rejects.toThrow('You cannot act upon yourself')
      }
      expect(await alice.client.getRequestEvents()).toMatchObject({ outgoing: { total: 0 } })
    })

    it('refuses a token that nobody has, also as the first element of a stream', async () => {
      const alice = await env.login()
      await fetch(`${env.app.httpUrl}/_matrix/client/r0/logout`, { method: 'POST' }) // without a token: nothing happens
      await logoutAll(env, alice)
      await expect(alice.client.requestFriendship(`0x${'1'.repeat(40)}`)).rejects.toThrow(SocialClientUnauthorizedError)
      await expect(collect(alice.client.getFriends())).rejects.toThrow(SocialClientUnauthorizedError)
      await expect(alice.client.getRequestEvents()).rejects.toThrow('Invalid access token')
    })

    it('refuses exactly the requests beyond the limit', async () => {
      const alice = await env.login()
      const targets = await Promise.all(Array.from({ length: 70 }, () => createWallet()))
      const results = await Promise.allSettled(targets.map(({ address }) => alice.client.requestFriendship(address)))
      expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(60)
      const [sent] = (await alice.client.getRequestEvents())?.outgoing?.items ?? []
      await alice.client.cancelFriendshipRequest(sent?.user?.address ?? '')
      await alice.client.requestFriendship((await createWallet()).address)
    })
  })

  describe('many friends', () => {
    it('are streamed in pages of the size that is set, and refused beyond the limit', async () => {
      const alice = await env.login()
      const others = await Promise.all(Array.from({ length: 50 }, () => env.login()))
      await Promise.all(others.map(other => other.client.requestFriendship(alice.address)))
      const results = await Promise.allSettled(
        others.map(({ address }) => alice.client.acceptFriendshipRequest(address))
      )
      const refused = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
      expect(refused.map(error => error instanceof SocialClientTooManyRequestsError)).toEqual(Array(5).fill(true))
      const pages: string[][] = []
      for await (const page of alice.client.getFriends()) pages.push(page.map(({ address }) => address))
      expect(pages.map(page => page.length)).toEqual([20, 20, 5])
      const accepted = others.filter((_, i) => results[i]?.status === 'fulfilled')
      expect(pages.flat()).toEqual(accepted.map(({ address }) => address).sort())
    })
  })

  describe('a message', () => {
    it.each([
      ['of control characters', 'a\0\u0001\u001b[31m\r\n\u007f'],
      ['of right-to-left marks', '\u202eabc\u200f\u2066'],
      ['of 2,000 characters beyond the basic plane', '😀'.repeat(2000)],
      ['that is empty', '']
    ])('%s is kept as it came', async (_, message) => {
      const [alice, bob] = await two()
      const toBob = await env.updates(bob)
      expect((await alice.client.requestFriendship(bob.address, message))?.request?.message).toBe(message)
      expect((await toBob.next()).request?.message).toBe(message)
      expect((await bob.client.getRequestEvents())?.incoming?.items[0]?.message).toBe(message)
    })

    it('is refused when it has more than 2,000 characters', async () => {
      const [alice, bob] = await two()
      for (const message of ['x'.repeat(2001), 'y'.repeat(10_000)]) {
        await expect(alice.client.requestFriendship(bob.address, message)).rejects.toThrow('at most 2000 characters')
      }
    })
  })

  describe('the same action, sent again', () => {
    it('has the same answer within a minute, and causes one update', async () => {
      const [alice, bob] = await two()
      const toBob = await env.updates(bob)
      const first = await alice.client.requestFriendship(bob.address, 'hi')
      expect(await alice.client.requestFriendship(bob.address, 'hi')).toEqual(first)
      await alice.client.cancelFriendshipRequest(bob.address)
      expect([(await toBob.next()).request?.message, (await toBob.next()).cancel?.user?.address]).toEqual([
        'hi',
        alice.address
      ])
    })
  })

  describe('a session that ends', () => {
    it('ends its streams and its calls, and no others', async () => {
      const [alice, bob] = await two()
      const phone = await env.login(bob)
      const [onLaptop, onPhone] = [await env.updates(bob), await env.updates(phone)]
      await logoutAll(env, bob)
      await until(() => onLaptop.ended !== null && onPhone.ended !== null, 'both streams end')
      expect(onLaptop.ended).toBeInstanceOf(SocialClientUnauthorizedError)
      await expect(bob.client.getRequestEvents()).rejects.toThrow(SocialClientUnauthorizedError)
      await alice.client.requestFriendship(bob.address)
    })
  })
})

/** The methods of the service, for a client that leaves out what the published client always sends. */
async function anonymously(env: Env) {
  const socket = new WebSocket(env.app.rpcUrl)
  env.onStop(() => socket.terminate())
  const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
  return loadService(await client.createPort('social'), FriendshipsServiceDefinition)
}

async function logoutAll(env: Env, user: V1User): Promise<void> {
  // The published client does not show its token, so another login of the same user ends all sessions.
  const headers = { authorization: `Bearer ${await logIn(env.app.httpUrl, user)}` }
  const response = await fetch(`${env.app.httpUrl}/_matrix/client/r0/logout/all`, { method: 'POST', headers })
  expect(response.status).toBe(200)
}
