import { SocialClientTooManyRequestsError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { PresenceClient } from '../env/presence-client.ts'
import { Rest } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { loginV2 } from '../env/v2.ts'

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
    await until(() => third.client.getRequestEvents().then(Boolean, () => false), 'there is room again')
  })

  it('are no sockets whose session has ended: whoever took the tokens takes no place', async () => {
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
