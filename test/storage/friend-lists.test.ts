import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { type Paged, pageOf } from '../../src/domain/page.ts'
import { FriendLists } from '../../src/storage/friend-lists.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, newUsers, Stores } from './stores.ts'

const ALL = { limit: 1000, offset: 0 }
const NOBODY = { items: [], total: 0 }

/** A page of a list that has so many in all. */
const listOf = (items: readonly Address[], total: number): Paged<Address> => ({ items, total })

type Seven = [Address, Address, Address, Address, Address, Address, Address]

describeEachDatabase('The lists', kind => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open(kind, { poolSize: 10 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const befriend = (user: Address, others: readonly Address[]) =>
    Promise.all(others.map(other => stores.befriend(other, user)))

  test('of friends are in the order of their addresses, whichever of the two requested', async () => {
    const [alice, ...others] = newUsers(31) as [Address, ...Address[]]
    await befriend(alice, others.slice(0, 15))
    for (const other of others.slice(15)) await stores.befriend(alice, other)
    const friends = others.toSorted()
    const { lists } = stores
    expect(await lists.friends(alice, ALL)).toEqual(listOf(friends, 30))
    expect(await lists.friends(alice, { limit: 7, offset: 12 })).toEqual(listOf(friends.slice(12, 19), 30))
    expect(await lists.friends(alice, { limit: 7, offset: 28 })).toEqual(listOf(friends.slice(28), 30))
    expect(await lists.friends(alice, { limit: 7, offset: 30 })).toEqual(listOf([], 30))
    expect(await lists.friends(alice, { limit: 1, offset: 100_000 })).toEqual(listOf([], 30))
    expect(await lists.friendCount(alice)).toBe(30)
    expect(await lists.friends(friends[0]!, ALL)).toEqual(listOf([alice], 1))
  })

  test('of what is between two users have the order of the question, whoever is named first', async () => {
    const [alice, friend, former, blocked, blocker, enemy, stranger] = newUsers(7) as Seven
    await befriend(alice, [friend, former])
    await stores.act(former, 'delete', alice)
    await stores.act(alice, 'request', stranger)
    await stores.befriend(alice, blocked)
    await stores.act(alice, 'block', blocked)
    await stores.act(blocker, 'block', alice)
    await stores.act(enemy, 'block', alice)
    await stores.act(alice, 'block', enemy)
    const none = { areFriends: false, aBlocksB: false, bBlocksA: false }
    const expected = [
      [stranger, none],
      [friend, { ...none, areFriends: true }],
      [former, none],
      [alice, none],
      [blocked, { ...none, aBlocksB: true }],
      [blocker, { ...none, bBlocksA: true }],
      [enemy, { ...none, aBlocksB: true, bBlocksA: true }],
      [friend, { ...none, areFriends: true }]
    ] as const
    expect(await stores.lists.relations(expected.map(([other]) => ({ a: alice, b: other })))).toEqual(
      expected.map(([other, relation]) => ({ a: alice, b: other, ...relation }))
    )
    expect(await stores.lists.relations(expected.map(([other]) => ({ a: other, b: alice })))).toEqual(
      expected.map(([other, { areFriends, aBlocksB, bBlocksA }]) => ({
        a: other,
        b: alice,
        areFriends,
        aBlocksB: bBlocksA,
        bBlocksA: aBlocksB
      }))
    )
  })

  test('are bounded and well-formed for any page that a client requests', async () => {
    const [alice, ...others] = newUsers(5) as [Address, ...Address[]]
    await befriend(alice, others)
    const friends = others.toSorted()
    const limits = { defaultLimit: 2, maxLimit: 3 }
    const strange = [undefined, 0, -1, 0.5, 1.5, 3, 4, 2 ** 31 - 1, 2 ** 53, 1e300, Number.NaN, Infinity, -Infinity]
    for (const limit of strange) {
      for (const offset of strange) {
        const page = pageOf(limit, offset, limits)
        const { items, total } = await stores.lists.friends(alice, page)
        expect({ limit, offset, total }).toEqual({ limit, offset, total: 4 })
        expect(items).toEqual(friends.slice(page.offset, page.offset + page.limit))
        expect(items.length).toBeLessThanOrEqual(limits.maxLimit)
        expect((await stores.lists.requests(alice, 'incoming', page)).items).toEqual([])
      }
    }
  })

  test('of several users who are asked for at once are each their own, page by page', async () => {
    const [alice, bob, nobody, ...others] = newUsers(8) as [Address, Address, Address, ...Address[]]
    await befriend(alice, others)
    await befriend(bob, others.slice(2))
    const friends = others.toSorted()
    const friendsOfBob = others.slice(2).toSorted()
    const { lists } = stores
    const pages = await Promise.all([
      lists.friends(alice, ALL),
      lists.friends(nobody, ALL),
      lists.friends(bob, { limit: 2, offset: 1 }),
      lists.friends(alice, { limit: 2, offset: 3 }),
      lists.friends(alice, ALL)
    ])
    expect(pages).toEqual([
      listOf(friends, 5),
      NOBODY,
      listOf(friendsOfBob.slice(1), 3),
      listOf(friends.slice(3), 5),
      listOf(friends, 5)
    ])
  })

  test('of someone who never did anything are empty', async () => {
    const [nobody, other] = [newUser(), newUser()]
    const { lists } = stores
    expect(await lists.friends(nobody, ALL)).toEqual(NOBODY)
    expect(await lists.mutualFriends(nobody, other, ALL)).toEqual(NOBODY)
    expect(await lists.requests(nobody, 'incoming', ALL)).toEqual(NOBODY)
    expect(await lists.requests(nobody, 'outgoing', ALL)).toEqual(NOBODY)
    expect(await lists.friendCount(nobody)).toBe(0)
    expect(await lists.closeness(nobody, other)).toEqual({ friends: false, friendsOfFriends: false })
  })

  test('of friends have nobody who only requested, or was rejected, canceled, deleted or blocked', async () => {
    const [alice, ...others] = newUsers(6) as [Address, ...Address[]]
    const [requested, rejected, canceled, deleted, blocked] = others as [Address, Address, Address, Address, Address]
    for (const other of others) await stores.act(alice, 'request', other)
    await stores.act(rejected, 'reject', alice)
    await stores.act(alice, 'cancel', canceled)
    for (const other of [deleted, blocked]) await stores.act(other, 'accept', alice)
    await stores.act(deleted, 'delete', alice)
    await stores.act(alice, 'block', blocked)
    expect(await stores.lists.friends(alice, ALL)).toEqual(NOBODY)
    expect((await stores.lists.requests(alice, 'outgoing', ALL)).items.map(({ address }) => address)).toEqual([
      requested
    ])
    expect(await stores.lists.friendCount(alice)).toBe(0)
  })

  test('of friends in common are what two lists have in common', async () => {
    const [alice, bob, ...others] = newUsers(27) as [Address, Address, ...Address[]]
    await befriend(alice, others.slice(0, 20))
    await befriend(bob, others.slice(8))
    await stores.befriend(alice, bob)
    const common = others.slice(8, 20).toSorted()
    const { lists } = stores
    expect(await lists.mutualFriends(alice, bob, ALL)).toEqual(listOf(common, 12))
    expect(await lists.mutualFriends(bob, alice, { limit: 5, offset: 10 })).toEqual(listOf(common.slice(10), 12))
    expect(await lists.mutualFriends(bob, alice, { limit: 5, offset: 12 })).toEqual(listOf([], 12))
  })

  test('of requests are newest first, with both directions apart', async () => {
    const [alice, ...others] = newUsers(13) as [Address, ...Address[]]
    for (const [i, other] of others.entries()) {
      // The order is that of the events, not of the clocks: those of several instances differ.
      const circumstances = { message: `${i}`, at: 1_000_000 - i }
      if (i < 6) await stores.act(other, 'request', alice, circumstances)
      else await stores.act(alice, 'request', other, circumstances)
    }
    const { lists } = stores
    const incoming = await lists.requests(alice, 'incoming', ALL)
    expect(incoming.items.map(({ message }) => message)).toEqual(['5', '4', '3', '2', '1', '0'])
    expect(incoming.items[0]).toMatchObject({ address: others[5], at: 999_995 })
    expect(incoming.total).toBe(6)
    const outgoing = await lists.requests(alice, 'outgoing', { limit: 2, offset: 3 })
    expect(outgoing.items.map(({ address }) => address)).toEqual([others[8], others[7]])
    expect(outgoing.total).toBe(6)
    expect(await lists.requests(alice, 'outgoing', { limit: 2, offset: 6 })).toEqual({ items: [], total: 6 })
  })

  test('of requests end with the message that reaches the size of a page', async () => {
    const [alice, ...others] = newUsers(6) as [Address, ...Address[]]
    for (const [i, other] of others.entries()) {
      await stores.act(other, 'request', alice, { message: `${i}`.repeat(1000) })
    }
    const read = async (maxBytes: number, offset = 0): Promise<unknown> => {
      const lists = new FriendLists(stores.db, maxBytes)
      const { items, total } = await lists.requests(alice, 'incoming', { limit: 4, offset })
      return [items.map(({ message }) => message?.[0]).join(''), total]
    }
    expect(await read(10_000)).toEqual(['4321', 5])
    expect(await read(2_500)).toEqual(['432', 5])
    expect(await read(2_500, 3)).toEqual(['10', 5])
    expect(await read(1)).toEqual(['4', 5])
  })

  test('say how near two users are', async () => {
    const [alice, bob, carol, dave] = newUsers(4) as [Address, Address, Address, Address]
    const { lists } = stores
    await stores.befriend(alice, bob)
    await stores.act(bob, 'request', carol)
    expect(await lists.closeness(alice, bob)).toEqual({ friends: true, friendsOfFriends: false })
    expect(await lists.closeness(bob, carol)).toEqual({ friends: false, friendsOfFriends: false })
    expect(await lists.closeness(carol, alice)).toEqual({ friends: false, friendsOfFriends: false })
    await stores.act(carol, 'accept', bob)
    expect(await lists.closeness(carol, alice)).toEqual({ friends: false, friendsOfFriends: true })
    expect(await lists.closeness(alice, carol)).toEqual({ friends: false, friendsOfFriends: true })
    await stores.befriend(carol, alice)
    expect(await lists.closeness(alice, bob)).toEqual({ friends: true, friendsOfFriends: true })
    expect(await lists.closeness(alice, dave)).toEqual({ friends: false, friendsOfFriends: false })
  })

  test('are those of any graph of friends', async () => {
    const count = 6
    const edges = fc.uniqueArray(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), {
      selector: ([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`,
      maxLength: 15
    })
    const page = fc.record({ limit: fc.integer({ min: 1, max: 5 }), offset: fc.nat(5) })
    await fc.assert(
      fc.asyncProperty(edges, page, async (graph, { limit, offset }) => {
        const users = newUsers(count)
        const friendsOf = new Map(users.map(user => [user, new Set<Address>()]))
        for (const [a, b] of graph.filter(([a, b]) => a !== b)) {
          const [one, other] = [users[a]!, users[b]!]
          await stores.befriend(one, other)
          friendsOf.get(one)!.add(other)
          friendsOf.get(other)!.add(one)
        }
        const paged = (all: Iterable<Address>) => {
          const sorted = [...all].sort()
          return listOf(sorted.slice(offset, offset + limit), sorted.length)
        }
        const [alice, bob] = [users[0]!, users[1]!]
        const common = [...friendsOf.get(alice)!].filter(friend => friendsOf.get(bob)!.has(friend))
        expect(await stores.lists.friends(alice, { limit, offset })).toEqual(paged(friendsOf.get(alice)!))
        expect(await stores.lists.mutualFriends(alice, bob, { limit, offset })).toEqual(paged(common))
        expect(await stores.lists.closeness(bob, alice)).toEqual({
          friends: friendsOf.get(alice)!.has(bob),
          friendsOfFriends: common.length > 0
        })
      }),
      { numRuns: 25 }
    )
  })
})
