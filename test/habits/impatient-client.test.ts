import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Env } from '../env/app.ts'
import { startService } from '../env/rest.ts'
import { Clock } from '../env/service.ts'
import { connectV2, listen } from '../env/v2.ts'

const clock = new Clock()
let env: Env
beforeAll(async () => {
  env = await startService({}, clock)
})
afterAll(() => env.stop())

/**
 * When an answer does not come, decentraland/godot-explorer tries again after 15 s (`RPC_TIMEOUT_SECS` in
 * lib/src/social/social_service_manager.rs at commit d98a2bb), and decentraland/unity-explorer gives up after 30 s
 * (`FOREGROUND_TIMEOUT_SECONDS` in Explorer/Assets/DCL/Friends/RPCFriendsService.cs at 6dd818f), so that its user does.
 */
it.each([
  ['after fifteen seconds', 15_500],
  ['after thirty seconds', 30_500],
  ['after both, one after the other', 45_500]
])('that sends an action again %s has the same answer, and nobody is told twice', async (_, ms) => {
  clock.at = Date.now()
  const [alice, bob] = [await connectV2(env), await connectV2(env)]
  const toBob = await listen(env, bob.address, bob.service.subscribeToFriendshipUpdates({}))
  const toAlice = await listen(env, alice.address, alice.service.subscribeToFriendshipUpdates({}))
  const user = { address: bob.address }
  const steps = [
    () => alice.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'hi' } } }),
    () => bob.service.upsertFriendship({ action: { $case: 'accept', accept: { user: { address: alice.address } } } }),
    () => alice.service.upsertFriendship({ action: { $case: 'delete', delete: { user } } }),
    () => alice.service.blockUser({ user }),
    () => alice.service.unblockUser({ user })
  ]
  for (const step of steps) {
    const first = await step()
    expect(['accepted', 'ok']).toContain(first.response?.$case)
    clock.at += ms
    expect(await step()).toEqual(first)
  }
  await alice.service.upsertFriendship({ action: { $case: 'request', request: { user, message: 'bell' } } })
  const actions: string[] = []
  while (actions.at(-1) !== 'request bell') {
    const { update } = await toBob.next()
    actions.push(update?.$case === 'request' ? `request ${update.request.message}` : `${update?.$case}`)
  }
  expect(actions).toEqual(['request hi', 'delete', 'block', 'request bell'])
  expect((await toAlice.next()).update?.$case).toBe('accept')
  expect(toAlice.items).toEqual([])
})
