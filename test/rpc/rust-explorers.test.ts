import {
  ConnectivityStatus,
  type FriendshipUpdate,
  SocialServiceDefinition
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { type Folder, freshDataDir } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { freePort } from '../env/ports.ts'
import { buildRustClient, describeWithRust } from '../env/rust-client.ts'
import { type ExplorerKind, type Method, RustExplorer } from '../env/rust-explorer.ts'
import { until } from '../env/until.ts'

const STREAMS = [
  'subscribeToFriendshipUpdates',
  'subscribeToFriendConnectivityUpdates',
  'subscribeToBlockUpdates'
] as const satisfies Method[]
/** Of communities and of voice: nothing comes on them, and they stay open. */
const SILENT_STREAMS = [
  'subscribeToCommunityMemberConnectivityUpdates',
  'subscribeToPrivateVoiceChatUpdates',
  'subscribeToCommunityVoiceChatUpdates'
] as const satisfies Method[]
const PAGE = { pagination: { limit: 100, offset: 0 } }

describeWithRust.each<ExplorerKind>(['godot', 'bevy'])('a client as %s has it, on the Rust library', kind => {
  let program: string
  let folder: Folder
  let env: Env
  let settings: Record<string, string>
  beforeAll(async () => {
    program = await buildRustClient()
    folder = await freshDataDir()
    settings = { DATA_DIR: folder.path, RPC_PORT: String(await freePort()) }
    env = await Env.start(settings)
  }, paced(600_000))
  afterAll(async () => {
    await env.stop()
    await folder[Symbol.asyncDispose]()
  })

  async function explorer(): Promise<RustExplorer> {
    const one = new RustExplorer(program, kind, env.app.rpcUrl, await createWallet())
    env.onStop(() => one.leave())
    await one.connect()
    return one
  }

  /** Opens the streams of a user, each from when this resolves. */
  async function subscribe(one: RustExplorer): Promise<void> {
    for (const stream of STREAMS) await env.opened(one.address, () => one.subscribe(stream))
  }

  async function befriend(one: RustExplorer, other: RustExplorer): Promise<void> {
    await one.call('upsertFriendship', { action: { $case: 'request', request: { user: { address: other.address } } } })
    await other.call('upsertFriendship', { action: { $case: 'accept', accept: { user: { address: one.address } } } })
  }

  it('asks, accepts, blocks and lists, and receives what others do on three streams', async () => {
    const [alice, bob] = [await explorer(), await explorer()]
    await subscribe(alice)
    await subscribe(bob)
    const user = (of: RustExplorer) => ({ user: { address: of.address } })

    const asked = await alice.call('upsertFriendship', {
      action: { $case: 'request', request: { ...user(bob), message: 'Shall we?' } }
    })
    expect(asked.response?.$case).toBe('accepted')
    await bob.hasReceived('subscribeToFriendshipUpdates', 1)
    expect(caseOf(bob.items('subscribeToFriendshipUpdates')[0])).toBe('request')
    const pending = await bob.call('getPendingFriendshipRequests', PAGE)
    expect(pending.response).toMatchObject({
      $case: 'requests',
      requests: { requests: [{ friend: { address: alice.address }, message: 'Shall we?' }] }
    })
    const sent = await alice.call('getSentFriendshipRequests', PAGE)
    expect(sent.response).toMatchObject({ requests: { requests: [{ friend: { address: bob.address } }] } })

    await bob.call('upsertFriendship', { action: { $case: 'accept', accept: user(alice) } })
    await alice.hasReceived('subscribeToFriendshipUpdates', 1)
    await alice.hasReceived('subscribeToFriendConnectivityUpdates', 1)
    expect(caseOf(alice.items('subscribeToFriendshipUpdates')[0])).toBe('accept')
    expect(alice.items('subscribeToFriendConnectivityUpdates')[0]).toMatchObject({
      friend: { address: bob.address },
      status: ConnectivityStatus.ONLINE
    })
    expect((await alice.call('getFriends', PAGE)).friends.map(({ address }) => address)).toEqual([bob.address])
    expect((await alice.call('getMutualFriends', { ...user(bob), ...PAGE })).friends).toEqual([])
    expect((await alice.call('getFriendshipStatus', user(bob))).response?.$case).toBe('accepted')

    expect((await bob.call('blockUser', user(alice))).response?.$case).toBe('ok')
    await alice.hasReceived('subscribeToBlockUpdates', 1)
    expect(alice.items('subscribeToBlockUpdates')).toEqual([{ address: bob.address, isBlocked: true }])
    expect((await bob.call('getBlockedUsers', PAGE)).profiles.map(({ address }) => address)).toEqual([alice.address])
    expect(await alice.call('getBlockingStatus', {})).toEqual({ blockedUsers: [], blockedByUsers: [bob.address] })
    expect((await bob.call('unblockUser', user(alice))).response?.$case).toBe('ok')
    await alice.hasReceived('subscribeToBlockUpdates', 2)

    const settings = await alice.call('getSocialSettings', {})
    expect(settings.response?.$case).toBe('ok')
    const changed = await alice.call('upsertSocialSettings', { privateMessagesPrivacy: 1 })
    expect(changed.response).toMatchObject({ $case: 'ok', ok: { privateMessagesPrivacy: 1 } })
    const asks = await bob.call('getPrivateMessagesSettings', { user: [{ address: alice.address }] })
    expect(asks.response).toMatchObject({
      ok: { settings: [{ user: { address: alice.address }, privateMessagesPrivacy: 1 }] }
    })
  })

  it('gets a typed answer from every method, and silent streams where nothing is served', async () => {
    const alice = await explorer()
    for (const stream of SILENT_STREAMS) await alice.subscribe(stream)
    for (const [name, method] of Object.entries(SocialServiceDefinition.methods)) {
      if (method.responseStream) continue
      const outcome = await alice.call(name as Method, {}).then(() => 'answered', String)
      expect(outcome, name).toMatch(/^answered$|error_code: 400/)
    }
    expect(alice.received).toEqual([])
    expect((await alice.call('getFriends', PAGE)).paginationData).toEqual({ total: 0, page: 1 })
  })

  it('subscribes again on the same socket, and receives each event once', async () => {
    const [alice, bob] = [await explorer(), await explorer()]
    await befriend(alice, bob)
    const user = { user: { address: alice.address } }
    await subscribe(alice)
    const rounds = 12
    for (let round = 1; round <= rounds; round++) {
      for (const stream of STREAMS) await alice.subscribe(stream)
      await bob.call(round % 2 ? 'blockUser' : 'unblockUser', user)
      await alice.hasReceived('subscribeToBlockUpdates', round)
    }
    const wanted = Array.from({ length: rounds }, (_, at) => ({ address: bob.address, isBlocked: at % 2 === 0 }))
    expect(alice.items('subscribeToBlockUpdates')).toEqual(wanted)
    expect(alice.items('subscribeToFriendshipUpdates').map(caseOf)).toEqual(Array(rounds / 2).fill('block'))
    for (const stream of STREAMS) await until(() => alice.ended(stream) === rounds, `the older ones of ${stream} end`)
  })

  it('connects again after a restart of the service, and receives what it missed', async () => {
    const [alice, bob] = [await explorer(), await explorer()]
    await befriend(alice, bob)
    await subscribe(alice)
    await env.app.stop()
    env = await Env.start(settings)
    env.onStop(() => Promise.all([alice.leave(), bob.leave()]).then(() => undefined))
    if (kind === 'bevy') await until(() => alice.received.includes('closed'), 'the socket is seen to be closed')
    else await expect(alice.call('getFriends', PAGE)).rejects.toThrow('failed')

    await bob.connect()
    await bob.call('upsertFriendship', { action: { $case: 'delete', delete: { user: { address: alice.address } } } })
    await alice.connect()
    await subscribe(alice)
    await alice.hasReceived('subscribeToFriendshipUpdates', 1)
    expect(alice.items('subscribeToFriendshipUpdates').map(caseOf)).toEqual(['delete'])
    if (kind === 'bevy') expect(await alice.does('ping')).toBe('sent')
    expect((await alice.call('getFriends', PAGE)).friends).toEqual([])
  })
})

function caseOf(update: FriendshipUpdate | undefined): string | undefined {
  return update?.update?.$case
}
