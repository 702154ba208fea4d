import { afterAll, beforeAll, expect, test } from 'vitest'
import { orderedPair } from '../../../src/domain/address.ts'
import type { HomeserverClient } from '../../../src/matrix/client/client.ts'
import type { RoomId } from '../../../src/matrix/client/ids.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { Homeserver, newAddress } from '../homeserver.ts'

describeWithSynapse('rooms of a real homeserver', () => {
  let homeserver: Homeserver
  let client: HomeserverClient

  beforeAll(async () => {
    homeserver = new Homeserver(await sharedSynapse())
    client = homeserver.client
  })
  afterAll(() => client.close())

  test('the room of a pair has their alias and is a direct one', async () => {
    const { alice, bob, alias, roomId } = await homeserver.newSharedRoom()
    expect(await client.resolveAlias(alias)).toBe(roomId)
    const invitee = await client.as(alice).getState(roomId, 'm.room.member', client.ids.userId(bob))
    expect(invitee).toMatchObject({ membership: 'invite', is_direct: true })
    expect(await client.as(alice).getState(roomId, 'm.room.canonical_alias', '')).toEqual({ alias })
  })

  test('an alias that is taken makes no second room', async () => {
    const { alice, bob, alias, room, roomId } = await homeserver.newSharedRoom()
    expect(await client.as(alice).createRoom(room)).toBeNull()
    expect(await client.as(bob).createRoom({ ...room, invite: [alice] })).toBeNull()
    expect(await client.resolveAlias(alias)).toBe(roomId)
  })

  test('of many who create the room of a pair at the same instant, one does', async () => {
    const [alice, bob] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
    const pair = orderedPair(alice, bob)
    const aliasName = client.ids.pairAliasName(pair)
    const made = await Promise.all(
      [alice, bob, alice, bob, alice, bob, alice, bob].map(user =>
        client.as(user).createRoom({
          preset: 'trusted_private_chat',
          aliasName,
          invite: [user === alice ? bob : alice]
        })
      )
    )
    const rooms = made.filter(roomId => roomId !== null)
    expect(rooms).toEqual([await client.resolveAlias(client.ids.pairAlias(pair))])
  })

  test('a room begins with the state that it is given', async () => {
    const alice = await homeserver.newUser()
    const content = { type: 'request' }
    const state = [{ type: 'org.decentraland.friendship', stateKey: '', content }]
    const roomId = (await client.as(alice).createRoom({ preset: 'private_chat', state })) as RoomId
    expect(await client.as(alice).getState(roomId, 'org.decentraland.friendship', '')).toEqual(content)
  })

  test('an alias that nobody has leads nowhere, and can be taken away', async () => {
    const alias = client.ids.pairAlias(orderedPair(newAddress(), newAddress()))
    expect(await client.resolveAlias(alias)).toBeNull()
    await client.deleteAlias(alias)
  })

  test('a room can be joined by its id and by its alias, again and again', async () => {
    const { bob, alias, roomId } = await homeserver.newSharedRoom()
    expect(await client.as(bob).joinRoom(alias)).toBe(roomId)
    expect(await client.as(bob).joinRoom(roomId)).toBe(roomId)
  })

  test('nobody joins without an invite', async () => {
    const { roomId } = await homeserver.newSharedRoom()
    await expect(client.as(await homeserver.newUser()).joinRoom(roomId)).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('an invite of somebody who is invited, or in the room, is as good as done', async () => {
    const { alice, bob, roomId } = await homeserver.newSharedRoom()
    await client.as(alice).invite(roomId, bob)
    await client.as(bob).joinRoom(roomId)
    await client.as(alice).invite(roomId, bob)
    expect((await client.as(alice).memberships(roomId)).get(client.ids.userId(bob))).toBe('join')
  })

  test('an invite that is refused is not done', async () => {
    const { alice, bob, roomId } = await homeserver.newSharedRoom()
    const [banned, outsider] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
    await client.as(alice).putState(roomId, 'm.room.member', client.ids.userId(banned), { membership: 'ban' })
    await expect(client.as(alice).invite(roomId, banned)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(client.as(outsider).invite(roomId, bob)).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('memberships are for those in the room, and for those who left, as they left it', async () => {
    const { alice, bob, roomId } = await homeserver.newSharedRoom()
    await expect(client.as(bob).memberships(roomId)).rejects.toMatchObject({ kind: 'forbidden' })
    await client.as(bob).joinRoom(roomId)
    await client.as(bob).leave(roomId)
    await client.as(alice).leave(roomId)
    expect((await client.as(bob).memberships(roomId)).get(client.ids.userId(alice))).toBe('join')
    expect((await client.as(alice).memberships(roomId)).get(client.ids.userId(alice))).toBe('leave')
  })

  test('members are those in the room and those invited to it, not those who left or were banned', async () => {
    const { alice, bob, roomId } = await homeserver.newSharedRoom()
    const [left, banned] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
    await client.as(alice).invite(roomId, left)
    await client.as(left).joinRoom(roomId)
    await client.as(left).leave(roomId)
    await client.as(left).leave(roomId)
    await client.as(alice).putState(roomId, 'm.room.member', client.ids.userId(banned), { membership: 'ban' })

    const memberships = await client.as(alice).memberships(roomId)
    const standing = [alice, bob, left, banned].map(user => memberships.get(client.ids.userId(user)))
    expect(standing).toEqual(['join', 'invite', 'leave', 'ban'])
    expect((await client.as(alice).members(roomId)).toSorted()).toEqual(
      [alice, bob].map(user => client.ids.userId(user)).toSorted()
    )
  })

  test('the alias of a room that both have left can be freed for a new one', async () => {
    const { alice, bob, alias, room, roomId } = await homeserver.newSharedRoom()
    await client.as(bob).joinRoom(roomId)
    await client.as(bob).leave(roomId)
    await client.as(alice).leave(roomId)

    expect(await client.as(alice).createRoom(room)).toBeNull()
    expect(await client.resolveAlias(alias)).toBe(roomId)
    await expect(client.as(alice).joinRoom(alias)).rejects.toMatchObject({ kind: 'not_found' })
    expect(await client.as(alice).members(roomId)).toEqual([])

    await client.deleteAlias(alias)
    const next = await client.as(alice).createRoom(room)
    expect(next).not.toBeNull()
    expect(await client.resolveAlias(alias)).toBe(next)
  })

  test('a room that there never was cannot be left', async () => {
    await expect(client.as(await homeserver.newUser()).leave('!none:localhost')).rejects.toMatchObject({
      kind: 'not_found'
    })
  })
})
