import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { SettingsStore } from '../../../src/storage/settings.ts'
import { describeEachDatabase, describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { newUsers, Stores } from '../stores.ts'
import { at, is, NOBODIES, noted, stateOf as readState, shout, takeOver } from './importing.ts'
import { PredecessorDatabase } from './predecessors.ts'

describeWithPostgres('What the service in TypeScript knows', () => {
  describeEachDatabase('is taken over', kind => {
    let stores: Stores
    beforeAll(async () => {
      stores = await Stores.open(kind)
    })
    afterAll(() => stores[Symbol.asyncDispose]())

    const stateOf = (a: Address, b: Address) => readState(stores, a, b)

    describe('from its database', () => {
      let old: PredecessorDatabase
      let from: { readonly service: 'social-service-ea'; readonly url: string }
      beforeEach(async () => {
        // What one source has no more is taken away, and so would be what another one brought.
        await stores.query('truncate pair, pair_event, user_count, user_mute')
        old = await PredecessorDatabase.create('social-service-ea', await freshPostgres())
        from = { service: 'social-service-ea', url: old.url }
        return () => old[Symbol.asyncDispose]()
      })
      const block = (by: string, of: string, second: number) =>
        old.query(
          `insert into blocks values (gen_random_uuid(), $1, $2, to_timestamp($3::float8 / 1000) at time zone 'UTC')`,
          [by, of, at(second)]
        )

      test('with pairs that stand there twice, blocks, and states that contradict each other', async () => {
        const [a, b, c, d, e, f, g] = newUsers(7).sort() as [
          Address,
          Address,
          Address,
          Address,
          Address,
          Address,
          Address
        ]
        await old.eaPair(b, a, true, [noted('request', b, 1, 'hello'), noted('accept', a, 2)])
        await old.eaPair(a, b, false, [noted('request', a, 0)])
        await old.eaPair(a, c, false, [noted('request', a, 3), noted('accept', c, 4), noted('block', c, 5)])
        await block(c, a, 5)
        await old.eaPair(a, d, false, [noted('block', d, 6), noted('delete', d, 7)])
        await old.eaPair(a, e, true, [noted('accept', e, 8)])
        await block(shout(a), e, 9)
        await block(e, a, 10)
        await block(f, a, 11)
        await old.eaPair(a, g, null, [noted('request', g, 12, 'later')])
        await block(a, a, 13)
        await block('nobody', a, 13)
        const { report, skipped } = await takeOver(from, stores.db)
        expect(await stateOf(a, b)).toEqual(is('accept', a, 2))
        expect(await stateOf(a, c)).toEqual({ ...is('block', c, 5), blockedBy: [c] })
        expect(await stateOf(a, d)).toEqual(is('delete', d, 7))
        expect(await stateOf(a, e)).toEqual({ ...is('block', e, 10), blockedBy: [a, e] })
        expect(await stateOf(a, f)).toEqual({ ...is('block', f, 11), blockedBy: [f] })
        expect(await stateOf(a, g)).toEqual(is('request', g, 12, 'later'))
        expect(skipped.map(({ table }) => table)).toEqual(['blocks', 'blocks'])
        expect(Object.fromEntries(report.repairs)).toEqual({ 'blocked-friends': 1 })
      })

      test('with settings and mutes, where users have not decided here since', async () => {
        const [a, b, c] = newUsers(3) as [Address, Address, Address]
        const settings = new SettingsStore(stores.db)
        await old.query(`insert into social_settings values ($1, 'only_friends', 'do_not_show_messages', 'hide')`, [a])
        await old.query(`insert into social_settings values ($1, 'all', 'show_messages', 'show')`, [shout(b)])
        await old.query(`insert into social_settings values ('nobody'), ($1)`, [c])
        await old.query('insert into user_mutes values ($1, $2), ($1, $1), ($3, $4)', [a, b, 'x', c])
        await settings.change(c, { privateMessages: 'all', situationReactions: 'hide' })
        const { report, skipped } = await takeOver(from, stores.db)
        expect(await settings.read(a)).toMatchObject({
          privateMessages: 'only_friends',
          blockedMessages: 'hide',
          situationReactions: 'hide'
        })
        expect(await settings.read(b)).toMatchObject({ privateMessages: 'all', blockedMessages: 'show' })
        expect(await settings.read(c)).toMatchObject({ privateMessages: 'all', situationReactions: 'hide' })
        expect(report).toMatchObject({ settings: 2, mutes: 1 })
        expect(skipped.map(({ table }) => table).sort()).toEqual(['social_settings', 'user_mutes', 'user_mutes'])
        const rows = await stores.query<[number]>('select count(*)::int from settings_event where address = any($1)', [
          [a, b]
        ])
        expect(rows).toEqual([[0]])
        await old.query(`update social_settings set private_messages_privacy = 'all' where address = $1`, [a])
        await takeOver(from, stores.db)
        expect(await settings.read(a)).toMatchObject({ privateMessages: 'all', blockedMessages: 'hide' })
      })

      test('without a block or a mute that was taken back between two passes, and with those that were made here', async () => {
        const [a, b, c, d] = newUsers(4).sort() as [Address, Address, Address, Address]
        await block(a, b, 1)
        await old.query(`insert into user_mutes values ($1, $2, '2024-05-06'), ($1, $3, '2024-05-06')`, [a, b, c])
        await stores.act(a, 'block', d, { at: at(2) })
        await takeOver(from, stores.db)
        await old.query('delete from blocks')
        await old.query('delete from user_mutes where muted_address = $1', [b])
        const { report } = await takeOver(from, stores.db)
        expect(report.removed).toBe(2)
        expect(await stateOf(a, b)).toMatchObject({ lastAction: 'unblock', blockedBy: [] })
        expect(await stateOf(a, d)).toMatchObject({ lastAction: 'block', blockedBy: [a] })
        expect(await stores.query('select muted from user_mute where muter = $1', [a])).toEqual([[c]])
      })

      test('from where it stopped when it was interrupted, with everything in the end', async () => {
        await old.manyFriends(12_000)
        const onProgress = (pairs: number): void => {
          if (pairs > 7_000) throw new Error('interrupted')
        }
        await expect(takeOver(from, stores.db, { onProgress })).rejects.toThrow('interrupted')
        const { report, check } = await takeOver(from, stores.db)
        expect(report.pairs).toBeLessThan(5_000)
        expect(check).toMatchObject({
          there: { friendships: 12_000 },
          here: { friendships: 12_000 }
        })
        const [[counted] = []] = await stores.query<[number]>('select sum(friends)::int from user_count')
        expect(counted).toBe(24_000)
      })

      test('without rows of nobody, in whichever table', async () => {
        const [a, b] = newUsers(2).sort() as [Address, Address]
        for (const nobody of NOBODIES) {
          await old.eaPair(nobody, b, true, [noted('accept', b, 1)])
          await block(nobody, a, 1)
          await old.query('insert into user_mutes values ($1, $2)', [nobody, a])
        }
        const pair = await old.eaPair(a, b, true, [
          noted('befriend', a, 1),
          noted('', a, 2),
          noted('accept', 'nobody', 3),
          noted('ACCEPT', b, 4)
        ])
        await old.note('friendship_actions', '00000000-0000-4000-8000-000000000000', [noted('request', a, 1)])
        const { report, skipped } = await takeOver(from, stores.db)
        expect(await stateOf(a, b)).toEqual(is('accept', b, 4))
        expect(skipped).toHaveLength(3 * NOBODIES.length + 3)
        expect(skipped.filter(({ id }) => id === pair)).toHaveLength(3)
        expect(report).toMatchObject({ pairs: 1, changed: 1, mutes: 0, orphans: 1 })
      })

      test('of a release that knew no blocks, settings and mutes yet', async () => {
        const [a, b] = newUsers(2).sort() as [Address, Address]
        await old.query('drop table blocks, social_settings, user_mutes')
        await old.eaPair(a, b, true, [noted('accept', a, 1)])
        await takeOver(from, stores.db)
        const { report } = await takeOver(from, stores.db)
        expect(report.removed).toBe(0)
        expect(await stateOf(a, b)).toEqual(is('accept', a, 1))
      })
    })
  })
})
