import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Address, orderedPair } from '../../../src/domain/address.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { Homeserver, newAddress } from '../homeserver.ts'
import type { RoomOn } from './truth.ts'
import { OutboxWorld } from './world.ts'

const newPair = (): [Address, Address] => [newAddress(), newAddress()]

describeWithSynapse('the homeserver follows', () => {
  let world: OutboxWorld
  beforeAll(async () => {
    world = await OutboxWorld.open(await sharedSynapse())
    await world.work()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const isInStep = async (): Promise<void> => {
    await world.settled()
    expect(await world.differences()).toEqual([])
  }
  const id = (user: Address) => world.homeserver.ids.userId(user)

  test('a request, with its message', async () => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob, 'Shall we build a world?\u0000 \u202eOK')
    await isInStep()
  })

  test('a request without a message', async () => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob)
    await world.act(bob, 'request', newAddress(), '')
    await isInStep()
  })

  test.each(['accept', 'reject', 'cancel'] as const)('a request that is answered with %s', async answer => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob, 'Hi')
    await (answer === 'cancel' ? world.act(alice, answer, bob) : world.act(bob, answer, alice))
    await isInStep()
  })

  test('a friendship that ends and begins again from the other side, in the same room', async () => {
    const [alice, bob] = newPair()
    await world.befriend(alice, bob)
    await world.act(bob, 'delete', alice)
    await world.act(bob, 'request', alice, 'Sorry')
    await world.act(alice, 'reject', bob)
    await world.act(alice, 'request', bob, 'Well')
    await world.act(bob, 'accept', alice)
    await isInStep()
  })

  test('a block as the ordinary end of what it ends, and nothing else of blocks', async () => {
    const [alice, bob] = newPair()
    await world.befriend(alice, bob)
    await world.act(bob, 'block', alice)
    await world.act(alice, 'block', bob)
    await world.act(bob, 'unblock', alice)
    const [carol, dave] = newPair()
    await world.act(carol, 'request', dave)
    await world.act(dave, 'block', carol)
    const [erin, frank] = newPair()
    await world.act(erin, 'request', frank)
    await world.act(erin, 'block', frank)
    const [grace, heidi] = newPair()
    await world.act(grace, 'block', heidi)
    await isInStep()
  })

  test('many friends of one user, none of whom is lost from m.direct', async () => {
    const star = newAddress()
    const fans = Array.from({ length: 12 }, newAddress)
    await Promise.all(fans.map(fan => world.act(fan, 'request', star)))
    await world.settled()
    await Promise.all(fans.map(fan => world.act(star, 'accept', fan)))
    await isInStep()
  })

  test('a room that was made before there was a request', async () => {
    const [alice, bob] = newPair()
    for (const user of [alice, bob]) await world.homeserver.register(user)
    const aliasName = world.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    await world.homeserver
      .as(bob)
      .createRoom({ preset: 'trusted_private_chat', aliasName, isDirect: true, invite: [alice] })
    await world.act(alice, 'request', bob, 'Hello')
    await world.act(bob, 'accept', alice)
    await isInStep()
  })

  test('what users keep in m.direct stays, whatever it is', async () => {
    const [alice, bob] = newPair()
    await world.homeserver.register(alice)
    const own = { [id(newAddress())]: ['!other:localhost'], [id(bob)]: ['!old:localhost'], odd: 'value' }
    await world.homeserver.as(alice).putAccountData('m.direct', own)
    await world.befriend(alice, bob)
    await world.settled()
    const roomId = await world.roomOf(alice, bob)
    const direct = await world.homeserver.as(alice).getAccountData('m.direct')
    expect(direct).toEqual({ ...own, [id(bob)]: [roomId, '!old:localhost'] })
    await world.act(bob, 'delete', alice)
    await world.befriend(alice, bob)
    await world.settled()
    expect(await world.homeserver.as(alice).getAccountData('m.direct')).toEqual(direct)
    await world.homeserver.as(alice).putAccountData('m.direct', { [id(bob)]: [roomId] })
  })

  test('users who were never there can be found, and keep a name of their choice', async () => {
    const [alice, bob] = newPair()
    await world.homeserver.register(alice)
    await world.homeserver.as(alice).setDisplayName('Alice in Genesis')
    await world.act(alice, 'request', bob)
    await world.settled()
    expect(await world.homeserver.as(alice).getDisplayName()).toBe('Alice in Genesis')
    const found = await new Homeserver(await sharedSynapse()).found(bob, alice)
    expect(found).toEqual([id(bob)])
  })
})

describeWithSynapse('rooms that are made when a request is accepted', () => {
  let world: OutboxWorld
  beforeAll(async () => {
    world = await OutboxWorld.open(await sharedSynapse(), 'accept' satisfies RoomOn)
    await world.work()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test('there is none before, and afterwards everything is seen in it', async () => {
    const [alice, bob] = newPair()
    const [carol, dave] = newPair()
    await world.act(alice, 'request', bob, 'Hi')
    await world.act(carol, 'request', dave)
    await world.act(carol, 'cancel', dave)
    await world.settled()
    expect(await world.roomOf(alice, bob)).toBeNull()
    await world.act(bob, 'accept', alice)
    await world.act(alice, 'delete', bob)
    await world.act(bob, 'request', alice)
    await world.settled()
    expect(await world.differences()).toEqual([])
  })
})

describeWithSynapse('rooms that are not as they were made', () => {
  let world: OutboxWorld
  beforeAll(async () => {
    world = await OutboxWorld.open(await sharedSynapse())
    await world.work()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const as = (user: Address) => world.homeserver.as(user)
  const id = (user: Address) => world.homeserver.ids.userId(user)
  const standing = async (viewer: Address, users: readonly Address[]) => {
    const memberships = await as(viewer).memberships((await world.roomOf(users[0]!, users[1]!))!)
    return users.map(user => memberships.get(id(user)))
  }
  const newFriends = async (): Promise<[Address, Address]> => {
    const [alice, bob] = newPair()
    await world.befriend(alice, bob)
    await world.settled()
    return [alice, bob]
  }
  const stateFor = async (viewer: Address, a: Address, b: Address) =>
    as(viewer).getState((await world.roomOf(a, b))!, 'org.decentraland.friendship', '')

  test('whoever left by hand says nothing there, and stays out', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await world.roomOf(alice, bob))!)
    await world.act(bob, 'delete', alice)
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'leave'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'accept' })
  })

  test('whoever left by hand is invited by the next request of the other, and comes in with the acceptance', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await world.roomOf(alice, bob))!)
    await world.act(alice, 'delete', bob)
    await world.act(alice, 'request', bob)
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'invite'])
    await world.act(bob, 'accept', alice)
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('whoever left by hand comes in with a request of their own', async () => {
    const [alice, bob] = await newFriends()
    await as(bob).leave((await world.roomOf(alice, bob))!)
    await world.act(alice, 'delete', bob)
    await world.act(bob, 'request', alice, 'Again')
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'request', message: 'Again' })
  })

  test('who asked and left is brought back by the acceptance', async () => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob)
    await world.settled()
    await as(bob).joinRoom((await world.roomOf(alice, bob))!)
    await as(alice).leave((await world.roomOf(alice, bob))!)
    await world.act(bob, 'accept', alice)
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('who declined the invite is let in by the acceptance', async () => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob)
    await world.settled()
    await as(bob).leave((await world.roomOf(alice, bob))!)
    await world.act(bob, 'accept', alice)
    await world.settled()
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test.each(['request', 'accept'] as const)('a room that everybody left gives way to a new one on %s', async action => {
    const [alice, bob] = newPair()
    await world.act(alice, 'request', bob)
    if (action === 'request') await world.act(bob, 'accept', alice)
    await world.settled()
    const dead = (await world.roomOf(alice, bob))!
    await as(bob).leave(dead)
    await as(alice).leave(dead)
    if (action === 'request') await world.act(alice, 'delete', bob)
    await (action === 'request' ? world.act(bob, 'request', alice) : world.act(bob, 'accept', alice))
    await world.settled()
    expect(await world.roomOf(alice, bob)).not.toBe(dead)
    expect(await standing(bob, [alice, bob])).toEqual(action === 'request' ? ['invite', 'join'] : ['join', 'join'])
    expect(await stateFor(bob, alice, bob)).toEqual({ type: action })
  })

  test('the end of a friendship whose room everybody left makes no new one', async () => {
    const [alice, bob] = await newFriends()
    const dead = (await world.roomOf(alice, bob))!
    for (const user of [alice, bob]) await as(user).leave(dead)
    await world.act(alice, 'delete', bob)
    await world.settled()
    expect(await world.roomOf(alice, bob)).toBe(dead)
  })

  test('an alias whose room never came to be is given to a new one', async () => {
    const [alice, bob] = newPair()
    const carol = newAddress()
    await world.homeserver.register(carol)
    const aliasName = world.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    const strange = await as(carol).createRoom({ preset: 'private_chat', aliasName })
    await world.befriend(alice, bob)
    await world.settled()
    expect(await world.roomOf(alice, bob)).not.toBe(strange)
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('a creation that ended when only who made the room was in it is begun anew', async () => {
    const [alice, bob] = newPair()
    await world.homeserver.register(alice)
    const bare = await as(alice).createRoom({ preset: 'private_chat' })
    const alias = encodeURIComponent(world.homeserver.ids.pairAlias(orderedPair(alice, bob)))
    const access = await sharedSynapse()
    const path = `/_matrix/client/v3/directory/room/${alias}?user_id=${encodeURIComponent(id(alice))}`
    await new Homeserver(access).fetchJson('PUT', path, access.asToken, { room_id: bare })
    await world.befriend(alice, bob)
    await world.settled()
    expect(await world.roomOf(alice, bob)).not.toBe(bare)
    expect((await as(alice).memberships(bare!)).get(id(alice))).toBe('leave')
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'join'])
  })

  test('a creation that ended before the invite is completed', async () => {
    const [alice, bob] = newPair()
    for (const user of [alice, bob]) await world.homeserver.register(user)
    const aliasName = world.homeserver.ids.pairAliasName(orderedPair(alice, bob))
    const begun = await as(alice).createRoom({ preset: 'trusted_private_chat', aliasName })
    await world.act(alice, 'request', bob, 'Hi')
    await world.settled()
    expect(await world.roomOf(alice, bob)).toBe(begun)
    expect(await standing(alice, [alice, bob])).toEqual(['join', 'invite'])
    expect(await stateFor(alice, alice, bob)).toEqual({ type: 'request', message: 'Hi' })
  })
})
