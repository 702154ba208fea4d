import { expect, test } from 'vitest'
import { Database } from '../../../src/storage/db/database.ts'
import { migrate, migration } from '../../../src/storage/db/migrator.ts'
import { describeEachDatabase, describeWithPostgres, freshDatabase, LIMITS, silent } from '../../env/databases.ts'

const COUNT = { name: 'count', text: 'select count(*) from thing' }
const NAMES = { name: 'names', text: 'select name from kysely_migration order by name' }

const FIRST = { '0001-thing': migration(['create table thing (id int)', 'insert into thing values (1)']) }
const SECOND = { '0002-more': migration(['alter table thing add column n int', 'insert into thing values (2, 2)']) }

describeEachDatabase('the migrator', kind => {
  test('runs each migration once, in order', async () => {
    await using fresh = await freshDatabase(kind)
    await migrate(fresh.db, FIRST)
    await migrate(fresh.db, FIRST)
    expect(await fresh.db.rows(COUNT, [])).toEqual([[1]])
    await migrate(fresh.db, { ...SECOND, ...FIRST })
    expect(await fresh.db.rows(COUNT, [])).toEqual([[2]])
    expect(await fresh.db.rows(NAMES, [])).toEqual([['0001-thing'], ['0002-more']])
  })

  test('leaves everything as it was when one fails', async () => {
    await using fresh = await freshDatabase(kind)
    await migrate(fresh.db, FIRST)
    const broken = { '0003-broken': migration(['insert into thing values (3, 3)', 'select no_such_column from thing']) }
    await expect(migrate(fresh.db, { ...FIRST, ...SECOND, ...broken })).rejects.toMatchObject({ code: '42703' })
    expect(await fresh.db.rows(COUNT, [])).toEqual([[1]])
    await migrate(fresh.db, { ...FIRST, ...SECOND })
    expect(await fresh.db.rows(COUNT, [])).toEqual([[2]])
  })

  test('refuses a database that a newer release has migrated', async () => {
    await using fresh = await freshDatabase(kind)
    await migrate(fresh.db, { ...FIRST, ...SECOND })
    await expect(migrate(fresh.db, FIRST)).rejects.toThrow(
      'by a newer release, which knows 0002-more: run that release'
    )
    expect(await fresh.db.rows(COUNT, [])).toEqual([[2]])
  })

  test('has no time limit on statements, and leaves none behind without one', async () => {
    await using fresh = await freshDatabase(kind, { poolSize: 1, statementTimeoutMs: 300 })
    await migrate(fresh.db, { '0001-slow': migration(['select pg_sleep(0.6)']) })
    const timeout = { name: 'timeout', text: `select current_setting('statement_timeout')` }
    expect(await fresh.db.rows(timeout, [])).toEqual([[kind === 'postgres' ? '300ms' : '0']])
  })
})

describeWithPostgres('the migrator of several instances', () => {
  test('runs each migration once when all start at the same time', async () => {
    await using fresh = await freshDatabase('postgres')
    const options = { ...LIMITS, ...fresh.options }
    const instances = await Promise.all([1, 2, 3, 4].map(() => Database.open(options, silent)))
    try {
      const slow = { '0003-slow': migration(['select pg_sleep(0.3)']) }
      await Promise.all(instances.map(instance => migrate(instance, { ...FIRST, ...SECOND, ...slow })))
      expect(await fresh.db.rows(COUNT, [])).toEqual([[2]])
      expect(await fresh.db.rows(NAMES, [])).toHaveLength(3)
    } finally {
      await Promise.all(instances.map(instance => instance.close()))
    }
  })

  test('refuses a server that is too old', async () => {
    await using fresh = await freshDatabase('postgres', { poolSize: 1 })
    // A schema that comes before the one of the system makes the server say what an old one would.
    for (const text of [
      'create schema old',
      `create function old.current_setting(name text) returns text language sql as $$
        select case name when 'server_version_num' then '120022' else '12.22' end $$`,
      'set search_path = old, pg_catalog'
    ]) {
      await fresh.db.rows({ name: text.slice(0, 20), text }, [])
    }
    await expect(migrate(fresh.db, FIRST)).rejects.toThrow('PostgreSQL 12.22 is too old: version 13 or newer is needed')
  })
})
