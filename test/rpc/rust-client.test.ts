import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { logIn } from '../env/login.ts'
import { paced } from '../env/pace.ts'
import { buildRustClient, describeWithRust, RustClientV1 } from '../env/rust-client.ts'
import { until } from '../env/until.ts'

describeWithRust('the Rust client of protocol v1', () => {
  let program: string
  let env: Env
  beforeAll(async () => {
    program = await buildRustClient()
    env = await Env.start({ FRIENDS_STREAM_PAGE_SIZE: '20' })
  }, paced(600_000))
  afterAll(() => env.stop())

  async function user(): Promise<{ address: string; client: RustClientV1 }> {
    const wallet = await createWallet()
    const client = await RustClientV1.connect(program, env.app.rpcUrl, await logIn(env.app.httpUrl, wallet))
    env.onStop(() => client.leave())
    return { address: wallet.address, client }
  }

  it('asks, accepts, lists and deletes, and receives what others do', async () => {
    const [alice, bob] = [await user(), await user()]
    expect(await alice.client.does('subscribe')).toBe('subscribed')
    expect(await bob.client.does('subscribe')).toBe('subscribed')

    expect(await alice.client.does(`request ${bob.address} Shall we?`)).toBe(`done request ${bob.address} Shall we?`)
    await until(() => bob.client.received.length === 1, 'bob receives it')
    expect(await bob.client.does('requests')).toBe(`requests in [${alice.address} Shall we?] out []`)
    expect(await alice.client.does('requests')).toBe(`requests in [] out [${bob.address} Shall we?]`)
    expect(await bob.client.does(`accept ${alice.address}`)).toBe(`done accept ${alice.address}`)
    await until(() => alice.client.received.length === 1, 'alice receives it')
    expect(await alice.client.does('friends')).toBe(`users ${bob.address}`)
    expect(await bob.client.does('friends')).toBe(`users ${alice.address}`)

    expect(await bob.client.does(`delete ${alice.address}`)).toBe(`done delete ${alice.address}`)
    await until(() => alice.client.received.length === 2, 'alice receives the end')
    expect(await alice.client.does('friends')).toBe('users')
    expect(alice.client.received).toEqual([`update accept ${bob.address}`, `update delete ${bob.address}`])
    expect(bob.client.received).toEqual([`update request ${alice.address} Shall we?`])
  })

  it('reads mutual friends over several pages, while an update stream is open', async () => {
    const [alice, bob] = [await user(), await user()]
    await alice.client.does('subscribe')
    const others: string[] = []
    for (let count = 0; count < 45; count++) {
      const other = await env.login()
      others.push(other.address)
      for (const { address, client } of [alice, bob]) {
        await client.does(`request ${other.address}`)
        await other.client.acceptFriendshipRequest(address)
      }
      other.client.disconnect()
    }
    const all = `users ${others.sort().join(' ')}`
    expect(await alice.client.does('friends')).toBe(all)
    expect(await alice.client.does(`mutual-friends ${bob.address}`)).toBe(all)
    await until(() => alice.client.received.length === others.length, 'everybody who accepted is received')
  })

  it('receives typed errors', async () => {
    const alice = await user()
    const nobody = `0x${'1'.repeat(40)}`
    expect(await alice.client.does(`accept ${nobody}`)).toContain('BadRequestError')
    expect(await alice.client.does(`request ${alice.address}`)).toContain('BadRequestError')
    const stranger = await RustClientV1.connect(program, env.app.rpcUrl, 'no-token')
    env.onStop(() => stranger.leave())
    expect(await stranger.does('friends')).toContain('UnauthorizedError')
    expect(await stranger.does(`request ${alice.address}`)).toContain('UnauthorizedError')
    expect(await stranger.does('subscribe')).toBe('subscribed')
    await until(() => stranger.received.length === 2, 'the stream ends with an error')
    expect(stranger.received[0]).toContain('UnauthorizedError')
    expect(stranger.received[1]).toBe('update nothing more')
  })
})
