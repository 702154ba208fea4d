import { expect, test } from 'vitest'
import { FriendLists } from '../../../src/storage/friend-lists.ts'
import { PREDECESSORS } from '../../../src/storage/import/predecessors.ts'
import { ImportSource } from '../../../src/storage/import/source.ts'
import { describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { newUser } from '../stores.ts'
import { at, describeImport, is, noted, shout, sortedUsers } from './importing.ts'
import { PredecessorDatabase } from './predecessors.ts'

describeImport('rust-service', world => {
  test('with words in quotes, mixed case, seconds that are the same, and rows in either order', async () => {
    const [a, b, c, d, e, f, g, h] = sortedUsers()
    await world.old.rustPair(a, b, true, [noted('"request"', a, 1, 'hi'), noted('"accept"', b, 2)])
    await world.old.rustPair(shout(a), c, false, [noted('"request"', shout(a), 3, 'Grüße\u0001')])
    await world.old.rustPair(a, d, false, [noted('request', d, 4), noted('"reject"', a, 5)])
    await world.old.rustPair(a, e, false, [noted('"request"', a, 6), noted('"cancel"', a, 7)])
    await world.old.rustPair(a, f, true, [noted('"accept"', f, 8), noted('"request"', a, 8)])
    await world.old.rustPair(a, g, false, [noted('"accept"', g, 9), noted('"delete"', a, 10)])
    // The same two, once in each order.
    await world.old.rustPair(b, h, false, [noted('"request"', b, 11)])
    await world.old.rustPair(shout(h), shout(b), true, [noted('"accept"', shout(h), 12)])
    const { report, skipped } = await world.takeOver()
    expect(await world.stateOf(a, b)).toEqual(is('accept', b, 2))
    expect(await world.stateOf(a, c)).toEqual(is('request', a, 3, 'Grüße\u0001'))
    expect(await world.stateOf(a, d)).toEqual(is('reject', a, 5))
    expect(await world.stateOf(a, e)).toEqual(is('cancel', a, 7))
    expect(await world.stateOf(a, f)).toEqual(is('accept', f, 8))
    expect(await world.stateOf(a, g)).toEqual(is('delete', a, 10))
    expect(await world.stateOf(b, h)).toEqual(is('accept', h, 12))
    expect(skipped).toEqual([])
    expect(report).toMatchObject({ rows: 8, pairs: 7, changed: 7, orphans: 0 })
  })

  test('without the rows that mean nothing, each of which is named', async () => {
    const [a, b, c, d] = sortedUsers()
    const good = await world.old.rustPair(a, b, true, [
      noted('"accept"', b, 2),
      noted('"befriend"', a, 3),
      noted('', a, 3),
      noted('"request"', c, 3),
      noted('"request"', 'nobody', 3),
      { event: '"delete"', by: a, at: null }
    ])
    const bad = [
      await world.old.rustPair('', b, true, [noted('"accept"', b, 2)]),
      await world.old.rustPair('0x123', b, true),
      await world.old.rustPair(a, '@0xabc:localhost', true),
      await world.old.rustPair(`${a}0`, b, true),
      await world.old.rustPair(a.slice(2), c, true),
      await world.old.rustPair(`0x${'g'.repeat(40)}`, c, true),
      await world.old.rustPair(`${a} `, c, true),
      await world.old.rustPair(a, a, true),
      await world.old.rustPair(b, shout(b), true),
      await world.old.rustPair('null', 'undefined', false)
    ]
    const odd = await world.old.rustPair(c, d, false, [
      { event: '"request"', by: c, at: at(4), metadata: 'null' },
      { event: '"request"', by: c, at: at(5), metadata: '"text"' },
      { event: '"request"', by: c, at: at(6), metadata: '{"message":null}' },
      { event: '"request"', by: c, at: at(7), metadata: '[]' }
    ])
    await world.old.note('friendship_history', '00000000-0000-4000-8000-000000000000', [noted('"request"', a, 1)])
    const { report, skipped } = await world.takeOver()
    expect(await world.stateOf(a, b)).toEqual(is('accept', b, 2))
    expect(await world.stateOf(c, d)).toEqual(is('request', c, 7))
    expect(new Set(skipped.map(({ id }) => id))).toEqual(new Set([good, ...bad]))
    expect(skipped).toHaveLength(15)
    expect(skipped.every(({ id }) => id !== odd)).toBe(true)
    expect(report).toMatchObject({ rows: 12, pairs: 2, changed: 2, orphans: 1 })
  })

  test('by what it acted on where it contradicts itself, which is counted', async () => {
    const [a, b, c, d, e] = sortedUsers()
    await world.old.rustPair(a, b, true, [noted('"request"', a, 1)])
    await world.old.rustPair(a, c, true, [noted('"accept"', c, 1), noted('"delete"', c, 2)])
    await world.old.rustPair(a, d, false, [noted('"request"', a, 1), noted('"accept"', d, 2)])
    await world.old.rustPair(a, e, true)
    await world.old.rustPair(b, c, false)
    const { report } = await world.takeOver()
    expect(await world.stateOf(a, b)).toEqual(is('accept', b, 1))
    expect(await world.stateOf(a, c)).toEqual(is('accept', c, 2))
    expect(await world.stateOf(a, d)).toEqual(is('delete', d, 2))
    expect(await world.stateOf(a, e)).toMatchObject({ lastAction: 'accept', at: 0 })
    expect((await world.stores.friendships().read(b, c)).version).toBe(0)
    expect(Object.fromEntries(report.repairs)).toEqual({ 'friends-without-accept': 3, 'accept-of-no-friends': 1 })
  })

  test('in a second pass only where something happened since, also while that goes on', async () => {
    const [a, b, c, d] = sortedUsers()
    const long = [noted('"request"', a, 1), noted('"accept"', b, 2)]
    await world.old.rustPair(a, b, true, long)
    const waiting = await world.old.rustPair(a, c, false, [noted('"request"', c, 3)])
    await world.takeOver()
    await world.old.query('update friendships set is_active = true where id = $1', [waiting])
    const now = Math.floor(Date.now() / 1_000) * 1_000
    await world.old.note('friendship_history', waiting, [{ event: '"accept"', by: a, at: now }])
    const { report } = await world.takeOver()
    expect(report).toMatchObject({ rows: 1, pairs: 1, changed: 1 })
    expect(await world.stateOf(a, c)).toMatchObject({ lastAction: 'accept', actor: a, at: now })
    // What has happened here since is later.
    await world.stores.act(a, 'delete', c, { at: now + 1 })
    await world.old.rustPair(a, d, false, [{ event: '"request"', by: d, at: now }])
    const third = await world.takeOver()
    expect(third.report).toMatchObject({ pairs: 2, changed: 1 })
    expect(await world.stateOf(a, c)).toMatchObject({ lastAction: 'delete', at: now + 1 })
    const fourth = await world.takeOver({ isFull: true })
    expect(fourth.report).toMatchObject({ pairs: 3, changed: 0 })
  })

  test('as the same counts and lists as if users had done it here', async () => {
    const [me, friend, asked, asks, late, early, gone] = sortedUsers()
    await world.old.rustPair(me, friend, true, [noted('"accept"', me, 1)])
    await world.old.rustPair(me, asked, false, [noted('"request"', me, 2)])
    await world.old.rustPair(me, asks, false, [noted('"request"', asks, 30)])
    await world.old.rustPair(me, late, false, [noted('"request"', late, 50)])
    await world.old.rustPair(me, early, false, [noted('"request"', early, 10)])
    await world.old.rustPair(me, gone, false, [noted('"delete"', gone, 4)])
    await world.takeOver()
    const lists = new FriendLists(world.stores.db, 100_000)
    const page = { limit: 10, offset: 0 }
    expect((await lists.friends(me, page)).items).toEqual([friend])
    const received = await lists.requests(me, 'incoming', page)
    expect(received.items.map(({ address }) => address)).toEqual([late, asks, early])
    const limits = { friends: 1, outgoing: 1, incoming: 3 }
    await expect(world.stores.act(me, 'request', newUser(), { limits })).rejects.toMatchObject({
      code: 'too_many_requests'
    })
    await expect(world.stores.act(newUser(), 'request', me, { limits })).rejects.toMatchObject({
      code: 'too_many_requests'
    })
    await world.stores.act(me, 'cancel', asked, { limits })
    await world.stores.act(me, 'request', newUser(), { limits })
  })

  test('not at all when it is only asked what would be, and then to the same number', async () => {
    const [a, b] = sortedUsers()
    await world.old.rustPair(a, b, true, [noted('"accept"', b, 2)])
    await world.old.rustPair('nobody', b, true)
    const dry = await world.takeOver({ isDryRun: true })
    expect(dry.report).toMatchObject({ pairs: 1, changed: 1 })
    expect(dry.skipped).toHaveLength(1)
    expect((await world.stores.friendships().read(a, b)).version).toBe(0)
    const wet = await world.takeOver()
    expect(wet.report).toMatchObject({ pairs: 1, changed: 1 })
  })

  test('without an event that anybody would be told of', async () => {
    const [a, b] = sortedUsers()
    await world.old.rustPair(a, b, true, [noted('"accept"', b, 2)])
    const before = await world.stores.log.latest()
    await world.takeOver()
    expect(await world.stores.log.latest()).toBe(before)
  })
})

describeWithPostgres('An import', () => {
  test('is refused from a database that is none of that service', async () => {
    await using old = await PredecessorDatabase.create('social-service-ea', await freshPostgres())
    expect(await ImportSource.open(old.url, PREDECESSORS['rust-service'])).toBeNull()
  })
})
