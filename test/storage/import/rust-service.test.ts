import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { FriendLists } from '../../../src/storage/friend-lists.ts'
import { PREDECESSORS } from '../../../src/storage/import/predecessors.ts'
import { ImportSource } from '../../../src/storage/import/source.ts'
import { describeEachDatabase, describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { newUser, newUsers, Stores } from '../stores.ts'
import { at, is, noted, stateOf as readState, shout, takeOver } from './importing.ts'
import { PredecessorDatabase } from './predecessors.ts'

describeWithPostgres('What the service in Rust knows', () => {
  describeEachDatabase('is taken over', kind => {
    let stores: Stores
    beforeAll(async () => {
      stores = await Stores.open(kind)
    })
    afterAll(() => stores[Symbol.asyncDispose]())

    const stateOf = (a: Address, b: Address) => readState(stores, a, b)

    describe('from its database', () => {
      let old: PredecessorDatabase
      let from: { readonly service: 'rust-service'; readonly url: string }
      beforeEach(async () => {
        old = await PredecessorDatabase.create('rust-service', await freshPostgres())
        from = { service: 'rust-service', url: old.url }
        return () => old[Symbol.asyncDispose]()
      })

      test('with words in quotes, mixed case, seconds that are the same, and rows in either order', async () => {
        const [a, b, c, d, e, f, g, h] = newUsers(8).sort() as [
          Address,
          Address,
          Address,
          Address,
          Address,
          Address,
          Address,
          Address
        ]
        await old.rustPair(a, b, true, [noted('"request"', a, 1, 'hi'), noted('"accept"', b, 2)])
        await old.rustPair(shout(a), c, false, [noted('"request"', shout(a), 3, 'Grüße\u0001')])
        await old.rustPair(a, d, false, [noted('request', d, 4), noted('"reject"', a, 5)])
        await old.rustPair(a, e, false, [noted('"request"', a, 6), noted('"cancel"', a, 7)])
        await old.rustPair(a, f, true, [noted('"accept"', f, 8), noted('"request"', a, 8)])
        await old.rustPair(a, g, false, [noted('"accept"', g, 9), noted('"delete"', a, 10)])
        // The same two, once in each order.
        await old.rustPair(b, h, false, [noted('"request"', b, 11)])
        await old.rustPair(shout(h), shout(b), true, [noted('"accept"', shout(h), 12)])
        const { report, skipped } = await takeOver(from, stores.db)
        expect(await stateOf(a, b)).toEqual(is('accept', b, 2))
        expect(await stateOf(a, c)).toEqual(is('request', a, 3, 'Grüße\u0001'))
        expect(await stateOf(a, d)).toEqual(is('reject', a, 5))
        expect(await stateOf(a, e)).toEqual(is('cancel', a, 7))
        expect(await stateOf(a, f)).toEqual(is('accept', f, 8))
        expect(await stateOf(a, g)).toEqual(is('delete', a, 10))
        expect(await stateOf(b, h)).toEqual(is('accept', h, 12))
        expect(skipped).toEqual([])
        expect(report).toMatchObject({ rows: 8, pairs: 7, changed: 7, orphans: 0 })
      })

      test('without the rows that mean nothing, each of which is named', async () => {
        const [a, b, c, d] = newUsers(4).sort() as [Address, Address, Address, Address]
        const good = await old.rustPair(a, b, true, [
          noted('"accept"', b, 2),
          noted('"befriend"', a, 3),
          noted('', a, 3),
          noted('"request"', c, 3),
          noted('"request"', 'nobody', 3),
          { event: '"delete"', by: a, at: null }
        ])
        const bad = [
          await old.rustPair('', b, true, [noted('"accept"', b, 2)]),
          await old.rustPair('0x123', b, true),
          await old.rustPair(a, '@0xabc:localhost', true),
          await old.rustPair(`${a}0`, b, true),
          await old.rustPair(a.slice(2), c, true),
          await old.rustPair(`0x${'g'.repeat(40)}`, c, true),
          await old.rustPair(`${a} `, c, true),
          await old.rustPair(a, a, true),
          await old.rustPair(b, shout(b), true),
          await old.rustPair('null', 'undefined', false)
        ]
        const odd = await old.rustPair(c, d, false, [
          { event: '"request"', by: c, at: at(4), metadata: 'null' },
          { event: '"request"', by: c, at: at(5), metadata: '"text"' },
          { event: '"request"', by: c, at: at(6), metadata: '{"message":null}' },
          { event: '"request"', by: c, at: at(7), metadata: '[]' }
        ])
        await old.note('friendship_history', '00000000-0000-4000-8000-000000000000', [noted('"request"', a, 1)])
        const { report, skipped } = await takeOver(from, stores.db)
        expect(await stateOf(a, b)).toEqual(is('accept', b, 2))
        expect(await stateOf(c, d)).toEqual(is('request', c, 7))
        expect(new Set(skipped.map(({ id }) => id))).toEqual(new Set([good, ...bad]))
        expect(skipped).toHaveLength(15)
        expect(skipped.every(({ id }) => id !== odd)).toBe(true)
        expect(report).toMatchObject({ rows: 12, pairs: 2, changed: 2, orphans: 1 })
      })

      test('by what it acted on where it contradicts itself, which is counted', async () => {
        const [a, b, c, d, e] = newUsers(5).sort() as [Address, Address, Address, Address, Address]
        await old.rustPair(a, b, true, [noted('"request"', a, 1)])
        await old.rustPair(a, c, true, [noted('"accept"', c, 1), noted('"delete"', c, 2)])
        await old.rustPair(a, d, false, [noted('"request"', a, 1), noted('"accept"', d, 2)])
        await old.rustPair(a, e, true)
        await old.rustPair(b, c, false)
        const { report } = await takeOver(from, stores.db)
        expect(await stateOf(a, b)).toEqual(is('accept', b, 1))
        expect(await stateOf(a, c)).toEqual(is('accept', c, 2))
        expect(await stateOf(a, d)).toEqual(is('delete', d, 2))
        expect(await stateOf(a, e)).toMatchObject({ lastAction: 'accept', at: 0 })
        expect((await stores.friendships().read(b, c)).version).toBe(0)
        expect(Object.fromEntries(report.repairs)).toEqual({ 'friends-without-accept': 3, 'accept-of-no-friends': 1 })
      })

      test('in a second pass only where something happened since, also while that goes on', async () => {
        const [a, b, c, d] = newUsers(4).sort() as [Address, Address, Address, Address]
        const long = [noted('"request"', a, 1), noted('"accept"', b, 2)]
        await old.rustPair(a, b, true, long)
        const waiting = await old.rustPair(a, c, false, [noted('"request"', c, 3)])
        await takeOver(from, stores.db)
        await old.query('update friendships set is_active = true where id = $1', [waiting])
        const now = Math.floor(Date.now() / 1_000) * 1_000
        await old.note('friendship_history', waiting, [{ event: '"accept"', by: a, at: now }])
        const { report } = await takeOver(from, stores.db)
        expect(report).toMatchObject({ rows: 1, pairs: 1, changed: 1 })
        expect(await stateOf(a, c)).toMatchObject({ lastAction: 'accept', actor: a, at: now })
        // What has happened here since is later.
        await stores.act(a, 'delete', c, { at: now + 1 })
        await old.rustPair(a, d, false, [{ event: '"request"', by: d, at: now }])
        const third = await takeOver(from, stores.db)
        expect(third.report).toMatchObject({ pairs: 2, changed: 1 })
        expect(await stateOf(a, c)).toMatchObject({ lastAction: 'delete', at: now + 1 })
        const fourth = await takeOver(from, stores.db, { isFull: true })
        expect(fourth.report).toMatchObject({ pairs: 3, changed: 0 })
      })

      test('as the same counts and lists as if users had done it here', async () => {
        const [me, ...others] = newUsers(8) as [Address, ...Address[]]
        const [friend, asked, asks, late, early, gone] = others as [
          Address,
          Address,
          Address,
          Address,
          Address,
          Address
        ]
        await old.rustPair(me, friend, true, [noted('"accept"', me, 1)])
        await old.rustPair(me, asked, false, [noted('"request"', me, 2)])
        await old.rustPair(me, asks, false, [noted('"request"', asks, 30)])
        await old.rustPair(me, late, false, [noted('"request"', late, 50)])
        await old.rustPair(me, early, false, [noted('"request"', early, 10)])
        await old.rustPair(me, gone, false, [noted('"delete"', gone, 4)])
        await takeOver(from, stores.db)
        const lists = new FriendLists(stores.db, 100_000)
        const page = { limit: 10, offset: 0 }
        expect((await lists.friends(me, page)).items).toEqual([friend])
        const received = await lists.requests(me, 'incoming', page)
        expect(received.items.map(({ address }) => address)).toEqual([late, asks, early])
        const limits = { friends: 1, outgoing: 1, incoming: 3 }
        await expect(stores.act(me, 'request', newUser(), { limits })).rejects.toMatchObject({
          code: 'too_many_requests'
        })
        await expect(stores.act(newUser(), 'request', me, { limits })).rejects.toMatchObject({
          code: 'too_many_requests'
        })
        await stores.act(me, 'cancel', asked, { limits })
        await stores.act(me, 'request', newUser(), { limits })
      })

      test('not at all when it is only asked what would be, and then to the same number', async () => {
        const [a, b] = newUsers(2).sort() as [Address, Address]
        await old.rustPair(a, b, true, [noted('"accept"', b, 2)])
        await old.rustPair('nobody', b, true)
        const dry = await takeOver(from, stores.db, { isDryRun: true })
        expect(dry.report).toMatchObject({ pairs: 1, changed: 1 })
        expect(dry.skipped).toHaveLength(1)
        expect((await stores.friendships().read(a, b)).version).toBe(0)
        const wet = await takeOver(from, stores.db)
        expect(wet.report).toMatchObject({ pairs: 1, changed: 1 })
      })

      test('without an event that anybody would be told of', async () => {
        const [a, b] = newUsers(2).sort() as [Address, Address]
        await old.rustPair(a, b, true, [noted('"accept"', b, 2)])
        const before = await stores.log.latest()
        await takeOver(from, stores.db)
        expect(await stores.log.latest()).toBe(before)
      })
    })
  })

  test('is refused from a database that is none of that service', async () => {
    await using old = await PredecessorDatabase.create('social-service-ea', await freshPostgres())
    expect(await ImportSource.open(old.url, PREDECESSORS['rust-service'])).toBeNull()
  })
})
