import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../env/databases.ts'
import { seededUsers, seedRelations } from '../env/seed.ts'
import { connectV2 } from '../env/v2.ts'
import { TcpProxy } from '../faults/tcp-proxy.ts'
import { loadLists } from './list-loader.ts'

const FRIENDS = seededUsers(1, 250)
const REQUESTERS = seededUsers(2, 3)

describeWithPostgres('a client that takes the lists of its start for the truth', () => {
  let proxy: TcpProxy
  let env: Env
  let wallet: Wallet
  beforeAll(async () => {
    const url = await freshPostgres()
    proxy = await TcpProxy.start(url)
    env = await Env.start({ DATABASE_URL: proxy.url, DATABASE_CONNECT_TIMEOUT: '200ms' }, { logger: silent })
    wallet = await createWallet()
    await seedRelations(url, wallet.address, { friends: FRIENDS, incoming: REQUESTERS })
  })
  afterAll(async () => {
    await env.stop()
    await proxy[Symbol.asyncDispose]()
  })

  it('has them whole from the first start', async () => {
    expect(await loadLists(env, wallet)).toEqual({ failures: [], friends: FRIENDS, requests: REQUESTERS.length })
  })

  it('fails while the database is away, and has them when it is back', async () => {
    proxy.refuse()
    const start = loadLists(env, wallet)
    const { service } = await connectV2(env)
    // No list is empty because it cannot be read.
    for (const call of [
      () => service.getFriends({}),
      () => service.getMutualFriends({ user: { address: FRIENDS[0]! } }),
      () => service.getBlockedUsers({}),
      () => service.getBlockingStatus({})
    ]) {
      await expect(call()).rejects.toThrow('The database is not available')
    }
    for (const call of [() => service.getPendingFriendshipRequests({}), () => service.getSentFriendshipRequests({})]) {
      expect((await call()).response?.$case).toBe('internalServerError')
    }
    proxy.accept()
    const { failures, friends, requests } = await start
    expect(failures.length).toBeGreaterThan(0)
    expect([friends, requests]).toEqual([FRIENDS, REQUESTERS.length])
  })
})
