import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { BlockLists } from '../../src/storage/blocks.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, newUsers, Stores } from './stores.ts'

const WHOLE = { limit: 1000, offset: 0 }

describeEachDatabase('blocks', kind => {
  let stores: Stores
  let blocks: BlockLists
  beforeAll(async () => {
    stores = await Stores.open(kind)
    blocks = new BlockLists(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  it('are listed by who blocks, latest first, in pages', async () => {
    const [alice, others] = [newUser(), newUsers(5)]
    const since = new Map<Address, number>()
    for (const [place, other] of others.entries()) {
      since.set(other, 1000 + place)
      await stores.act(alice, 'block', other, { at: 1000 + place })
    }
    const latestFirst = [...others].reverse().map(address => ({ address, since: since.get(address) }))
    expect(await blocks.blocked(alice, WHOLE)).toEqual({ items: latestFirst, total: 5 })
    expect(await blocks.blocked(alice, { limit: 2, offset: 1 })).toEqual({ items: latestFirst.slice(1, 3), total: 5 })
    expect(await blocks.blocked(alice, { limit: 2, offset: 9 })).toEqual({ items: [], total: 5 })
    for (const other of others) expect(await blocks.blocked(other, WHOLE)).toEqual({ items: [], total: 0 })
  })

  it('of both ways are distinguished', async () => {
    const [alice, blocked, blocker, both] = [newUser(), newUser(), newUser(), newUser()]
    await stores.act(alice, 'block', blocked)
    await stores.act(blocker, 'block', alice)
    await stores.act(alice, 'block', both)
    await stores.act(both, 'block', alice)
    const sorted = async (user: Address) => {
      const status = await blocks.status(user, 1000)
      return { blocked: status.blocked.sort(), blockedBy: status.blockedBy.sort() }
    }
    expect(await sorted(alice)).toEqual({ blocked: [blocked, both].sort(), blockedBy: [blocker, both].sort() })
    expect(await sorted(blocked)).toEqual({ blocked: [], blockedBy: [alice] })
    expect(await sorted(newUser())).toEqual({ blocked: [], blockedBy: [] })
    await stores.act(alice, 'unblock', both)
    expect(await sorted(both)).toEqual({ blocked: [alice], blockedBy: [] })
  })

  it('of both ways are latest first, when not all of them are wanted', async () => {
    const [alice, blocked, blockers] = [newUser(), newUsers(5), newUsers(5)]
    for (const [place, other] of blocked.entries()) await stores.act(alice, 'block', other, { at: 1000 + place })
    for (const [place, other] of blockers.entries()) await stores.act(other, 'block', alice, { at: 1000 + place })
    expect(await blocks.status(alice, 3)).toEqual({
      blocked: blocked.toReversed().slice(0, 3),
      blockedBy: blockers.toReversed().slice(0, 3)
    })
  })

  describe('hide', () => {
    it('the two from the lists of each other', async () => {
      const [alice, bob, carol] = [newUser(), newUser(), newUser()]
      for (const friend of [alice, bob]) await stores.befriend(carol, friend)
      const seenBy = (viewer: Address) => stores.lists.visibleFriends(carol, viewer, WHOLE)
      const mutual = () => stores.lists.mutualFriends(alice, bob, WHOLE)
      expect(await mutual()).toEqual({ items: [carol], total: 1 })
      expect((await seenBy(alice)).total).toBe(2)
      expect(await stores.lists.closeness(alice, bob)).toEqual({ friends: false, friendsOfFriends: true })

      await stores.act(alice, 'block', bob)
      expect(await mutual()).toEqual({ items: [], total: 0 })
      expect(await seenBy(alice)).toEqual({ items: [alice], total: 1 })
      expect(await seenBy(bob)).toEqual({ items: [bob], total: 1 })
      expect((await seenBy(newUser())).total).toBe(2)
      expect([await stores.lists.closeness(alice, bob), await stores.lists.closeness(bob, alice)]).toEqual([null, null])

      await stores.act(alice, 'unblock', bob)
      expect(await mutual()).toEqual({ items: [carol], total: 1 })
      expect((await seenBy(bob)).total).toBe(2)
    })

    it('the pending request, whichever of the two sent it, and free its place', async () => {
      const [alice, bob, carol] = [newUser(), newUser(), newUser()]
      await stores.act(alice, 'request', bob)
      await stores.act(carol, 'request', alice)
      await stores.act(alice, 'block', bob)
      await stores.act(alice, 'block', carol)
      for (const user of [alice, bob, carol]) {
        for (const direction of ['incoming', 'outgoing'] as const) {
          expect(await stores.lists.requests(user, direction, WHOLE)).toEqual({ items: [], total: 0 })
        }
        expect(
          await stores.query('select outgoing from user_count where address = $1 and outgoing <> 0', [user])
        ).toEqual([])
      }
    })
  })
})
