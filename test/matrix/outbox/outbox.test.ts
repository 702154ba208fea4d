import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Address, orderedPair } from '../../../src/domain/address.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { Homeserver, newAddress } from '../homeserver.ts'
import type { RoomOn } from './log-comparison.ts'
import { OutboxEnv } from './outbox-env.ts'

const newPair = (): [Address, Address] => [newAddress(), newAddress()]

describeWithSynapse('the homeserver, with what happens to pairs', () => {
  let env: OutboxEnv
  beforeAll(async () => {
    env = await OutboxEnv.open(await sharedSynapse())
    await env.work()
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const isInStep = async (): Promise<void> => {
    await env.settled()
    expect(await env.differences()).toEqual([])
  }
  const id = (user: Address) => env.homeserver.ids.userId(user)

  test('follows a request, with its message', async () => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob, 'Shall we build a env?\u0000 \u202eOK')
    await isInStep()
  })

  test('follows a request without a message', async () => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob)
    await env.act(bob, 'request', newAddress(), '')
    await isInStep()
  })

  test.each(['accept', 'reject', 'cancel'] as const)('follows a request that is answered with %s', async answer => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob, 'Hi')
    await (answer === 'cancel' ? env.act(alice, answer, bob) : env.act(bob, answer, alice))
    await isInStep()
  })

  test('follows a friendship that ends and begins again from the other side, in the same room', async () => {
    const [alice, bob] = newPair()
    await env.befriend(alice, bob)
    await env.act(bob, 'delete', alice)
    await env.act(bob, 'request', alice, 'Sorry')
    await env.act(alice, 'reject', bob)
    await env.act(alice, 'request', bob, 'Well')
    await env.act(bob, 'accept', alice)
    await isInStep()
  })

  test('sees a block as the ordinary end of what it ends, and nothing else of blocks', async () => {
    const [alice, bob] = newPair()
    await env.befriend(alice, bob)
    await env.act(bob, 'block', alice)
    await env.act(alice, 'block', bob)
    await env.act(bob, 'unblock', alice)
    const [carol, dave] = newPair()
    await env.act(carol, 'request', dave)
    await env.act(dave, 'block', carol)
    const [erin, frank] = newPair()
    await env.act(erin, 'request', frank)
    await env.act(erin, 'block', frank)
    const [grace, heidi] = newPair()
    await env.act(grace, 'block', heidi)
    await isInStep()
  })

  test('loses none of many friends of one user from m.direct', async () => {
    const star = newAddress()
    const fans = Array.from({ length: 12 }, newAddress)
    await Promise.all(fans.map(fan => env.act(fan, 'request', star)))
    await env.settled()
    await Promise.all(fans.map(fan => env.act(star, 'accept', fan)))
    await isInStep()
  })

  test('uses a room that was made before there was a request', async () => {
    const [alice, bob] = newPair()
    for (const user of [alice, bob]) await env.homeserver.register(user)
    const aliasName = env.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    await env.homeserver
      .as(bob)
      .createRoom({ preset: 'trusted_private_chat', aliasName, isDirect: true, invite: [alice] })
    await env.act(alice, 'request', bob, 'Hello')
    await env.act(bob, 'accept', alice)
    await isInStep()
  })

  test('leaves what users have in m.direct, whatever it is', async () => {
    const [alice, bob] = newPair()
    await env.homeserver.register(alice)
    const own = { [id(newAddress())]: ['!other:localhost'], [id(bob)]: ['!old:localhost'], odd: 'value' }
    await env.homeserver.as(alice).putAccountData('m.direct', own)
    await env.befriend(alice, bob)
    await env.settled()
    const roomId = await env.roomOf(alice, bob)
    const direct = await env.homeserver.as(alice).getAccountData('m.direct')
    expect(direct).toEqual({ ...own, [id(bob)]: [roomId, '!old:localhost'] })
    await env.act(bob, 'delete', alice)
    await env.befriend(alice, bob)
    await env.settled()
    expect(await env.homeserver.as(alice).getAccountData('m.direct')).toEqual(direct)
    await env.homeserver.as(alice).putAccountData('m.direct', { [id(bob)]: [roomId] })
  })

  test('lets users be found who were never there, and leaves them a name of their choice', async () => {
    const [alice, bob] = newPair()
    await env.homeserver.register(alice)
    await env.homeserver.as(alice).setDisplayName('Alice in Genesis')
    await env.act(alice, 'request', bob)
    await env.settled()
    expect(await env.homeserver.as(alice).getDisplayName()).toBe('Alice in Genesis')
    const found = await new Homeserver(await sharedSynapse()).found(bob, alice)
    expect(found).toEqual([id(bob)])
  })
})

describeWithSynapse('rooms that are made when a request is accepted', () => {
  let env: OutboxEnv
  beforeAll(async () => {
    env = await OutboxEnv.open(await sharedSynapse(), 'accept' satisfies RoomOn)
    await env.work()
  })
  afterAll(() => env[Symbol.asyncDispose]())

  test('are not there before, and show everything afterwards', async () => {
    const [alice, bob] = newPair()
    const [carol, dave] = newPair()
    await env.act(alice, 'request', bob, 'Hi')
    await env.act(carol, 'request', dave)
    await env.act(carol, 'cancel', dave)
    await env.settled()
    expect(await env.roomOf(alice, bob)).toBeNull()
    await env.act(bob, 'accept', alice)
    await env.act(alice, 'delete', bob)
    await env.act(bob, 'request', alice)
    await env.settled()
    expect(await env.differences()).toEqual([])
  })
})

describeWithSynapse('rooms that are not as they were made', () => {
  let env: OutboxEnv
  beforeAll(async () => {
    env = await OutboxEnv.open(await sharedSynapse())
    await env.work()
  })
  afterAll(() => env[Symbol.asyncDispose]())

  const as = (user: Address) => env.homeserver.as(user)
  const id = (user: Address) => env.homeserver.ids.userId(user)
  const standing = async (viewer: Address, users: readonly Address[]) => {
    const memberships = await as(viewer).memberships((await env.roomOf(users[0]!, users[1]!))!)
    return users.map(user => memberships.get(id(user)))
  }
  const newFriends = async (): Promise<[Address, Address]> => {
    const [alice, bob] = newPair()
    await env.befriend(alice, bob)
    await env.settled()
    return [alice, bob]
  }
  const stateFor = async (viewer: Address, a: Address, b: Address) =>
    as(viewer).getState((await env.roomOf(a, b))!, 'org.decentraland.friendship', '')

  test('see nothing of a user who left by hand, and who stays out', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await env.roomOf(alice, bob))!)
    await env.act(bob, 'delete', alice)
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'leave'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'accept' })
  })

  test('invite a user who left by hand with the next request of the other, and let them in with the acceptance', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await env.roomOf(alice, bob))!)
    await env.act(alice, 'delete', bob)
    await env.act(alice, 'request', bob)
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'invite'])
    await env.act(bob, 'accept', alice)
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('let a user who left by hand in with a request of their own', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await env.roomOf(alice, bob))!)
    await env.act(alice, 'delete', bob)
    await env.act(bob, 'request', alice, 'Again')
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'request', message: 'Again' })
  })

  test('let a user who asked and left in again with the acceptance', async () => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob)
    await env.settled()
    await as(bob).joinRoom((await env.roomOf(alice, bob))!)
    await as(alice).leave((await env.roomOf(alice, bob))!)
    await env.act(bob, 'accept', alice)
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('let a user who declined the invite in with the acceptance', async () => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob)
    await env.settled()
    await as(bob).leave((await env.roomOf(alice, bob))!)
    await env.act(bob, 'accept', alice)
    await env.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test.each(['request', 'accept'] as const)('are replaced on %s when everybody left', async action => {
    const [alice, bob] = newPair()
    await env.act(alice, 'request', bob)
    if (action === 'request') await env.act(bob, 'accept', alice)
    await env.settled()
    const dead = (await env.roomOf(alice, bob))!
    await as(bob).leave(dead)
    await as(alice).leave(dead)
    if (action === 'request') await env.act(alice, 'delete', bob)
    await (action === 'request' ? env.act(bob, 'request', alice) : env.act(bob, 'accept', alice))
    await env.settled()
    expect(await env.roomOf(alice, bob)).not.toBe(dead)
    expect(await standing(bob, [alice, bob])).toEqual(action === 'request' ? ['invite', 'join'] : ['join', 'join'])
    expect(await stateFor(bob, alice, bob)).toEqual({ type: action })
  })

  test('are not replaced at the end of a friendship when everybody left', async () => {
    const [alice, bob] = await newFriends()
    const dead = (await env.roomOf(alice, bob))!
    for (const user of [alice, bob]) await as(user).leave(dead)
    await env.act(alice, 'delete', bob)
    await env.settled()
    expect(await env.roomOf(alice, bob)).toBe(dead)
  })

  test('are replaced when the room of their alias never came to be', async () => {
    const [alice, bob] = newPair()
    const carol = newAddress()
    await env.homeserver.register(carol)
    const aliasName = env.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    const strange = await as(carol).createRoom({ preset: 'private_chat', aliasName })
    await env.befriend(alice, bob)
    await env.settled()
    expect(await env.roomOf(alice, bob)).not.toBe(strange)
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('are created anew when their creation ended with the creator alone', async () => {
    const [alice, bob] = newPair()
    await env.homeserver.register(alice)
    const bare = await as(alice).createRoom({ preset: 'private_chat' })
    const alias = encodeURIComponent(env.homeserver.ids.pairAlias(orderedPair(alice, bob)))
    const access = await sharedSynapse()
    const path = `/_matrix/client/v3/directory/room/${alias}?user_id=${encodeURIComponent(id(alice))}`
    await new Homeserver(access).fetchJson('PUT', path, access.asToken, { room_id: bare })
    await env.befriend(alice, bob)
    await env.settled()
    expect(await env.roomOf(alice, bob)).not.toBe(bare)
    expect((await as(alice).memberships(bare!)).get(id(alice))).toBe('leave')
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('are completed when their creation ended before the invite', async () => {
    const [alice, bob] = newPair()
    for (const user of [alice, bob]) await env.homeserver.register(user)
    const aliasName = env.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    const begun = await as(alice).createRoom({ preset: 'trusted_private_chat', aliasName })
    await env.act(alice, 'request', bob, 'Hi')
    await env.settled()
    expect(await env.roomOf(alice, bob)).toBe(begun)
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'invite'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'request', message: 'Hi' })
  })
})
