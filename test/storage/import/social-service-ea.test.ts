import { expect, test } from 'vitest'
import { SettingsStore } from '../../../src/storage/settings.ts'
import { at, describeImport, is, NOBODIES, noted, shout, sortedUsers } from './importing.ts'

describeImport('social-service-ea', world => {
  const block = (by: string, of: string, second: number) =>
    world.old.query(
      `insert into blocks values (gen_random_uuid(), $1, $2, to_timestamp($3::float8 / 1000) at time zone 'UTC')`,
      [by, of, at(second)]
    )

  test('with pairs that stand there twice, blocks, and states that contradict each other', async () => {
    const [a, b, c, d, e, f, g] = sortedUsers()
    await world.old.eaPair(b, a, true, [noted('request', b, 1, 'hello'), noted('accept', a, 2)])
    await world.old.eaPair(a, b, false, [noted('request', a, 0)])
    await world.old.eaPair(a, c, false, [noted('request', a, 3), noted('accept', c, 4), noted('block', c, 5)])
    await block(c, a, 5)
    await world.old.eaPair(a, d, false, [noted('block', d, 6), noted('delete', d, 7)])
    await world.old.eaPair(a, e, true, [noted('accept', e, 8)])
    await block(shout(a), e, 9)
    await block(e, a, 10)
    await block(f, a, 11)
    await world.old.eaPair(a, g, null, [noted('request', g, 12, 'later')])
    await block(a, a, 13)
    await block('nobody', a, 13)
    const { report, skipped } = await world.takeOver()
    expect(await world.stateOf(a, b)).toEqual(is('accept', a, 2))
    expect(await world.stateOf(a, c)).toEqual({ ...is('block', c, 5), blockedBy: [c] })
    expect(await world.stateOf(a, d)).toEqual(is('delete', d, 7))
    expect(await world.stateOf(a, e)).toEqual({ ...is('block', e, 10), blockedBy: [a, e] })
    expect(await world.stateOf(a, f)).toEqual({ ...is('block', f, 11), blockedBy: [f] })
    expect(await world.stateOf(a, g)).toEqual(is('request', g, 12, 'later'))
    expect(skipped.map(({ table }) => table)).toEqual(['blocks', 'blocks'])
    expect(Object.fromEntries(report.repairs)).toEqual({ 'blocked-friends': 1 })
  })

  test('with settings and mutes, where users have not decided here since', async () => {
    const [a, b, c] = sortedUsers()
    const settings = new SettingsStore(world.stores.db)
    await world.old.query(`insert into social_settings values ($1, 'only_friends', 'do_not_show_messages', 'hide')`, [
      a
    ])
    await world.old.query(`insert into social_settings values ($1, 'all', 'show_messages', 'show')`, [shout(b)])
    await world.old.query(`insert into social_settings values ('nobody'), ($1)`, [c])
    await world.old.query('insert into user_mutes values ($1, $2), ($1, $1), ($3, $4)', [a, b, 'x', c])
    await settings.change(c, { privateMessages: 'all', situationReactions: 'hide' })
    const { report, skipped } = await world.takeOver()
    expect(await settings.read(a)).toMatchObject({
      privateMessages: 'only_friends',
      blockedMessages: 'hide',
      situationReactions: 'hide'
    })
    expect(await settings.read(b)).toMatchObject({ privateMessages: 'all', blockedMessages: 'show' })
    expect(await settings.read(c)).toMatchObject({ privateMessages: 'all', situationReactions: 'hide' })
    expect(report).toMatchObject({ settings: 2, mutes: 1 })
    expect(skipped.map(({ table }) => table).sort()).toEqual(['social_settings', 'user_mutes', 'user_mutes'])
    const rows = await world.stores.query<[number]>(
      'select count(*)::int from settings_event where address = any($1)',
      [[a, b]]
    )
    expect(rows).toEqual([[0]])
    await world.old.query(`update social_settings set private_messages_privacy = 'all' where address = $1`, [a])
    await world.takeOver()
    expect(await settings.read(a)).toMatchObject({ privateMessages: 'all', blockedMessages: 'hide' })
  })

  test('without a block or a mute that was taken back between two passes, and with those that were made here', async () => {
    const [a, b, c, d] = sortedUsers()
    await block(a, b, 1)
    await world.old.query(`insert into user_mutes values ($1, $2, '2024-05-06'), ($1, $3, '2024-05-06')`, [a, b, c])
    await world.stores.act(a, 'block', d, { at: at(2) })
    await world.takeOver()
    await world.old.query('delete from blocks')
    await world.old.query('delete from user_mutes where muted_address = $1', [b])
    const { report } = await world.takeOver()
    expect(report.removed).toBe(2)
    expect(await world.stateOf(a, b)).toMatchObject({ lastAction: 'unblock', blockedBy: [] })
    expect(await world.stateOf(a, d)).toMatchObject({ lastAction: 'block', blockedBy: [a] })
    expect(await world.stores.query('select muted from user_mute where muter = $1', [a])).toEqual([[c]])
  })

  test('from where it stopped when it was interrupted, with everything in the end', async () => {
    await world.old.manyFriends(12_000)
    const onProgress = (pairs: number): void => {
      if (pairs > 7_000) throw new Error('interrupted')
    }
    await expect(world.takeOver({ onProgress })).rejects.toThrow('interrupted')
    const { report, check } = await world.takeOver()
    expect(report.pairs).toBeLessThan(5_000)
    expect(check).toMatchObject({
      there: { friendships: 12_000 },
      here: { friendships: 12_000 }
    })
    const [[counted] = []] = await world.stores.query<[number]>('select sum(friends)::int from user_count')
    expect(counted).toBe(24_000)
  })

  test('without rows of nobody, in whichever table', async () => {
    const [a, b] = sortedUsers()
    for (const nobody of NOBODIES) {
      await world.old.eaPair(nobody, b, true, [noted('accept', b, 1)])
      await block(nobody, a, 1)
      await world.old.query('insert into user_mutes values ($1, $2)', [nobody, a])
    }
    const pair = await world.old.eaPair(a, b, true, [
      noted('befriend', a, 1),
      noted('', a, 2),
      noted('accept', 'nobody', 3),
      noted('ACCEPT', b, 4)
    ])
    await world.old.note('friendship_actions', '00000000-0000-4000-8000-000000000000', [noted('request', a, 1)])
    const { report, skipped } = await world.takeOver()
    expect(await world.stateOf(a, b)).toEqual(is('accept', b, 4))
    expect(skipped).toHaveLength(3 * NOBODIES.length + 3)
    expect(skipped.filter(({ id }) => id === pair)).toHaveLength(3)
    expect(report).toMatchObject({ pairs: 1, changed: 1, mutes: 0, orphans: 1 })
  })

  test('of a release that knew no blocks, settings and mutes yet', async () => {
    const [a, b] = sortedUsers()
    await world.old.query('drop table blocks, social_settings, user_mutes')
    await world.old.eaPair(a, b, true, [noted('accept', a, 1)])
    await world.takeOver()
    const { report } = await world.takeOver()
    expect(report.removed).toBe(0)
    expect(await world.stateOf(a, b)).toEqual(is('accept', a, 1))
  })
})
