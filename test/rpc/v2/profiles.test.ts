import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import type { Env } from '../../env/app.ts'
import { metric } from '../../env/metric.ts'
import { startService } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { bare, connectV2, listen, loginV2, type V2Device, type V2User } from '../../env/v2.ts'
import {
  type CatalystServer,
  catalystProfile,
  NAME_COLOR,
  nameOf,
  pictureOf,
  startCatalyst
} from '../../profiles/catalyst-server.ts'

const METRICS_TOKEN = 'metrics'

let catalyst: CatalystServer
let env: Env
beforeAll(async () => {
  catalyst = await startCatalyst()
  env = await startService({
    CATALYST_URL: catalyst.url,
    CATALYST_TIMEOUT: '20s',
    PRESENCE_GRACE: '0ms',
    METRICS_TOKEN
  })
})
afterAll(async () => {
  await env.stop()
  await catalyst[Symbol.asyncDispose]()
})
beforeEach(() => {
  catalyst.onCall = ids => ids.map(id => catalystProfile(id))
})

const shown = (address: string) => ({
  address,
  name: nameOf(address),
  hasClaimedName: true,
  profilePictureUrl: pictureOf(address)
})

const befriend = async (a: V2User, b: V2User) => {
  await a.client.requestFriendship(b.address)
  await b.client.acceptFriendshipRequest(a.address)
}

it('everybody is shown with name and picture, in every answer and update', async () => {
  const [alice, bob] = [await loginV2(env), await loginV2(env)]
  const toBob = await listen(env, bob.address, bob.client.subscribeToFriendshipUpdates())
  const changes = await listen(env, bob.address, bob.client.subscribeToFriendConnectivityUpdates())
  expect((await alice.client.requestFriendship(bob.address)).friend).toEqual(shown(bob.address))
  expect((await toBob.next()).request?.friend).toEqual(shown(alice.address))
  expect((await bob.client.getPendingFriendshipRequests()).requests[0]?.friend).toEqual(shown(alice.address))
  expect((await alice.client.getSentFriendshipRequests()).requests[0]?.friend).toEqual(shown(bob.address))
  expect((await bob.client.acceptFriendshipRequest(alice.address)).friend).toEqual(shown(alice.address))
  expect((await changes.next()).friend).toEqual(shown(alice.address))
  expect((await alice.client.getFriends()).friends).toEqual([shown(bob.address)])
  const carol = await loginV2(env)
  await befriend(carol, alice)
  await befriend(carol, bob)
  expect((await alice.client.getMutualFriends(bob.address)).friends).toEqual([shown(carol.address)])
  const { profile } = await alice.client.blockUser(bob.address)
  expect(profile).toEqual({ ...shown(bob.address), blockedAt: expect.any(Number) })
  expect((await alice.client.getBlockedUsers()).profiles).toEqual([profile])
  expect((await alice.client.unblockUser(bob.address)).profile).toEqual(shown(bob.address))
})

it('everybody is shown with the colour of their name to who knows of it, who is blocked too', async () => {
  const [alice, bob] = [await connectV2(env), await connectV2(env)]
  const user = { address: bob.address }
  const request = await alice.service.upsertFriendship({ action: { $case: 'request', request: { user } } })
  const friend = { ...shown(bob.address), nameColor: NAME_COLOR }
  expect(request.response).toMatchObject({ accepted: { friend } })
  await alice.service.blockUser({ user })
  expect((await alice.service.getBlockedUsers({})).profiles).toMatchObject([friend])
})

it('profiles that are shown are counted, and so are the calls that they take', async () => {
  const count = (series: string): Promise<number> => metric(env.app.httpUrl, METRICS_TOKEN, series)
  const counts = () =>
    Promise.all([
      count('social_profiles_total{memory="hit"}'),
      count('social_profiles_total{memory="miss"}'),
      count('social_catalyst_call_duration_seconds_count{outcome="answered"}')
    ])
  const [alice, bob] = [await loginV2(env), await loginV2(env)]
  const [hits, misses, calls] = await counts()
  await alice.client.requestFriendship(bob.address)
  expect(await counts()).toEqual([hits, misses! + 1, calls! + 1])
  await alice.client.getSentFriendshipRequests()
  expect(await counts()).toEqual([hits! + 1, misses! + 1, calls! + 1])
})

it('a user without a profile can be blocked, requested and listed all the same', async () => {
  catalyst.onCall = () => []
  const alice = await loginV2(env)
  const [nobody, noOne] = [(await createWallet()).address, (await createWallet()).address]
  expect((await alice.client.blockUser(nobody)).profile).toMatchObject(bare(nobody))
  expect((await alice.client.requestFriendship(noOne)).friend).toEqual(bare(noOne))
})

describe('a Catalyst that takes its time', () => {
  /** Holds what the Catalyst is asked from now on, until it is let go. */
  function hold(): () => void {
    const held: (() => void)[] = []
    catalyst.onCall = (ids, response) => {
      held.push(() => response.end(JSON.stringify(ids.map(id => catalystProfile(id)))))
    }
    return () => {
      catalyst.onCall = ids => ids.map(id => catalystProfile(id))
      for (const answer of held) answer()
    }
  }

  it('is called once for the updates that wait, and they come in their order', async () => {
    const alice = await loginV2(env)
    const toAlice = await listen(env, alice.address, alice.client.subscribeToFriendshipUpdates())
    const senders: V2Device[] = []
    for (let count = 0; count < 21; count += 1) senders.push(await connectV2(env))
    const [first, ...others] = senders
    const ask = (sender: V2Device) =>
      sender.service.upsertFriendship({ action: { $case: 'request', request: { user: { address: alice.address } } } })
    // The one who asks is answered with the profile of the one who is asked, which is known from here on.
    await ask(first!)
    await toAlice.next()

    const asked = catalyst.calls.length
    const letGo = hold()
    for (const sender of others) await ask(sender)
    await others[0]!.service.upsertFriendship({
      action: { $case: 'cancel', cancel: { user: { address: alice.address } } }
    })
    expect((await alice.client.getFriends()).friends).toEqual([])
    await until(() => catalyst.calls.length > asked, 'the Catalyst is asked')
    expect(toAlice.items).toEqual([])
    letGo()
    for (const { address } of others) expect((await toAlice.next()).request?.friend).toEqual(shown(address))
    expect((await toAlice.next()).cancel?.user).toEqual({ address: others[0]!.address })
    expect(catalyst.calls.length - asked).toBeLessThan(others.length / 2)
  })

  it('is called once for all friends who are online', async () => {
    const alice = await env.login()
    const friends = await Promise.all(Array.from({ length: 20 }, () => env.login()))
    for (const friend of friends) {
      await friend.client.requestFriendship(alice.address)
      await alice.client.acceptFriendshipRequest(friend.address)
    }
    const asked = catalyst.calls.length
    const { client } = await loginV2(env, alice)
    const changes = await listen(env, alice.address, client.subscribeToFriendConnectivityUpdates())
    const received = []
    for (const _ of friends) received.push((await changes.next()).friend)
    expect(received).toEqual(
      friends.map(({ address }) => shown(address)).sort((a, b) => (a.address < b.address ? -1 : 1))
    )
    expect(catalyst.calls.length - asked).toBe(1)
  })
})

it('a Catalyst that hangs holds up nothing beyond the deadline', async () => {
  await using slow = await startService({ CATALYST_URL: catalyst.url, CATALYST_TIMEOUT: '100ms' })
  catalyst.onCall = () => undefined
  const [alice, bob] = [await loginV2(slow), await loginV2(slow)]
  const toBob = await listen(slow, bob.address, bob.client.subscribeToFriendshipUpdates())
  const changes = await listen(slow, bob.address, bob.client.subscribeToFriendConnectivityUpdates())
  expect((await alice.client.requestFriendship(bob.address)).friend).toEqual(bare(bob.address))
  expect((await toBob.next()).request?.friend).toEqual(bare(alice.address))
  expect((await bob.client.acceptFriendshipRequest(alice.address)).friend).toEqual(bare(alice.address))
  expect((await changes.next()).friend).toEqual(bare(alice.address))
  expect((await bob.client.getFriends()).friends).toEqual([bare(alice.address)])
  await alice.client.blockUser(bob.address)
  expect((await alice.client.getBlockedUsers()).profiles).toMatchObject([bare(bob.address)])
})
