import { SocialClientForbiddenError } from '@dcl/social-rpc-client'
import { listenOnV1, type Stage, type V1Person, type V2Person } from './stage.ts'
import { expectSame, type Updates } from './updates.ts'

const ONLINE = 0

/** Dave speaks v2 to Alice on v1: they become friends, he sees her come and go, blocks her, and lifts the block. */
export async function secondProtocol(stage: Stage, alice: V1Person, toAlice: Updates): Promise<void> {
  const { steps } = stage
  const dave = await steps.run('Dave connects by protocol v2', () => stage.connect('Dave'))
  const toDave = await steps.run('Dave subscribes to updates', () => listenOnV2(stage, dave))
  const comings = await steps.run('Dave subscribes to who is online', () => listenToComings(stage, dave))

  await steps.run('Dave asks Alice, who is notified by protocol v1', async () => {
    await dave.client.requestFriendship(alice.address, 'Hello from v2')
    await toAlice.expect('request of Dave "Hello from v2"')
  })
  await steps.run('Alice accepts; Dave is notified, and sees her online', async () => {
    await alice.client.acceptFriendshipRequest(dave.address)
    await toDave.expect('accept of Alice')
    await comings.expect('Alice is online')
  })
  await steps.run('Alice leaves, and Dave sees her offline', async () => {
    alice.client.disconnect()
    await comings.expect('Alice is offline')
  })
  const [back, toBack] = await steps.run('Alice comes back, and Dave sees her online', async () => {
    const again = await stage.login('Alice', alice)
    const updates = await listenOnV1(stage, again)
    await comings.expect('Alice is online')
    return [again, updates] as const
  })

  await steps.run('Dave blocks Alice: to her, the friendship is over', async () => {
    await dave.client.blockUser(alice.address)
    await toBack.expect('delete of Dave')
    await comings.expect('Alice is offline')
    expectSame(
      (await dave.client.getBlockedUsers()).profiles.map(({ address }) => address),
      [alice.address]
    )
  })
  await steps.run('Alice cannot ask him again', () => expectForbidden(back.client.requestFriendship(dave.address)))
  await steps.run('Dave lifts the block, and Alice may ask again', async () => {
    await dave.client.unblockUser(alice.address)
    await back.client.requestFriendship(dave.address, 'Friends again?')
    await toDave.expect('request of Alice')
  })
}

function listenOnV2(stage: Stage, person: V2Person): Promise<Updates> {
  return stage.listen(person.client.subscribeToFriendshipUpdates(), ({ request, ...others }) => {
    if (request) return `request of ${stage.nameOf(request.friend?.address)}`
    const [action, body] = Object.entries(others).find(([, value]) => value !== undefined) ?? []
    return `${action} of ${stage.nameOf(body?.user?.address)}`
  })
}

function listenToComings(stage: Stage, person: V2Person): Promise<Updates> {
  const stream = person.client.subscribeToFriendConnectivityUpdates()
  return stage.listen(stream, ({ friend, status }) => {
    return `${stage.nameOf(friend?.address)} is ${status === ONLINE ? 'online' : 'offline'}`
  })
}

async function expectForbidden(call: Promise<unknown>): Promise<void> {
  const outcome = await call.catch((error: unknown) => error)
  if (!(outcome instanceof SocialClientForbiddenError)) throw new Error('she was not refused')
}
