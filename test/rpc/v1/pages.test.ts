import '../../../demo/silence.ts'
import { getFriendsFromSocialService } from 'dcl-social-client/dist/FriendsManagementClient.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { Env } from '../../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { logIn } from '../../env/login.ts'
import { paced } from '../../env/pace.ts'
import { buildRustClient, describeWithRust, RustClientV1 } from '../../env/rust-client.ts'
import { seededUsers, seedRelations } from '../../env/seed.ts'

const FRIENDS = seededUsers(1, 2_000)

describeWithPostgres('the friends of a user who has as many as one may have', () => {
  let env: Env
  let wallet: Wallet
  let token: string
  beforeAll(async () => {
    const url = await freshPostgres()
    env = await Env.start({ DATABASE_URL: url })
    wallet = await createWallet()
    token = await logIn(env.app.httpUrl, wallet)
    await seedRelations(url, wallet.address, { friends: FRIENDS })
  })
  afterAll(() => env.stop())

  it('come in one element to @dcl/social-rpc-client', async () => {
    const { client } = await env.login(wallet)
    const pages: string[][] = []
    for await (const page of client.getFriends()) pages.push(page.map(({ address }) => address))
    expect(pages).toEqual([FRIENDS])
  })

  it('come in one answer to dcl-social-client', async () => {
    expect(await getFriendsFromSocialService(env.app.httpUrl, token)).toEqual(FRIENDS)
  })

  describeWithRust('which the Rust client asks for', () => {
    let program: string
    beforeAll(async () => {
      program = await buildRustClient()
    }, paced(600_000))

    it('come to it whole', async () => {
      const client = await RustClientV1.connect(program, env.app.rpcUrl, token)
      env.onStop(() => client.leave())
      expect(await client.does('friends')).toBe(`users ${FRIENDS.join(' ')}`)
    })
  })
})
