import { expect, test } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import { Database } from '../../src/storage/db/database.ts'
import { migrate } from '../../src/storage/db/migrator.ts'
import { LogPartitions } from '../../src/storage/log-partitions.ts'
import { MIGRATIONS } from '../../src/storage/migrations/index.ts'
import { NOTIFICATION_OUTBOX } from '../../src/storage/notification-outbox.ts'
import { OutboxStore } from '../../src/storage/outbox.ts'
import { describeEachDatabase, describeWithPostgres, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { newUser, Stores } from './stores.ts'

const before = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0005'))
const request = async (stores: Stores): Promise<PairEvent> => (await stores.act(newUser(), 'request', newUser()))!
/** As the release before has it. */
const OLD_LOG = 'select seq from pair_event where seq = any($1::bigint[]) or seq > $2 order by seq'
const old = async (stores: Stores): Promise<number[]> =>
  (await stores.query<[number]>(OLD_LOG, [[], 0])).map(([seq]) => seq)

describeEachDatabase('A database of the release before', kind => {
  test('keeps its log where it is, of which nothing is written anew', async () => {
    await using stores = await Stores.open(kind, {}, before)
    const seqs = [await request(stores), await request(stores)].map(({ seq }) => seq)
    await stores.query(`insert into matrix_log_position (seq) values (1)`)
    const files = (table: string) =>
      stores.query(`select pg_relation_filenode('${table}'), (select array_agg(pg_relation_filenode(indexrelid)
        order by indexrelid) from pg_index where indrelid = '${table}'::regclass)`)
    const [[main, indexes] = []] = await files('pair_event')
    await migrate(stores.db, MIGRATIONS)
    expect(await files('pair_event_default')).toEqual([[main, indexes]])
    await new LogPartitions(stores.db).prepare()
    expect(await files('pair_event_0')).toEqual([[main, indexes]])
    const event = await request(stores)
    expect(await stores.events()).toHaveLength(3)
    expect(await old(stores)).toEqual([...seqs, event.seq])
    // What was told before is not told again, and what was not is.
    expect(await stores.query('select seq, used_at > 0 from matrix_log_position')).toEqual([[1, true]])
  })
})

describeWithPostgres('A database that an instance of the release before goes on to use', () => {
  test('is migrated, and its log put into partitions, while that instance writes and reads', async () => {
    await using stores = await Stores.open('postgres', { poolSize: 10 }, before)
    const sink = new OutboxStore(stores.db, NOTIFICATION_OUTBOX, 'chat')
    await stores.query(`insert into notification_position values ('chat', 0)`)
    const newer = await Database.open(stores.options, silent)
    const written: number[] = []
    let isOver = false
    const users = [1, 2, 3].map(async () => {
      while (!isOver) written.push((await request(stores)).seq)
    })
    const reader = (async () => {
      while (!isOver) await old(stores)
    })()
    const passed = async (count: number): Promise<void> => {
      const from = written.length
      await until(() => written.length >= from + count, 'the instance writes on')
    }
    await passed(20)
    await migrate(newer, MIGRATIONS)
    await passed(20)
    const partitions = new LogPartitions(newer, 0)
    await until(() => partitions.prepare(), 'there are partitions')
    await passed(20)
    isOver = true
    await Promise.all([...users, reader])
    const seqs = written.sort((a, b) => a - b)
    expect(await old(stores)).toEqual(seqs)
    expect((await partitions.layout()).partitions.length).toBeGreaterThan(2)
    while ((await sink.enqueueFromLog(1_000)) > 0);
    expect(await stores.query('select count(*) from notification_outbox')).toEqual([[seqs.length]])
    await newer.close()
  })

  test('is migrated when somebody who reads the log for long has ended, for whom nobody waits long', async () => {
    await using stores = await Stores.open('postgres', {}, before)
    await using backup = await stores.hold()
    await backup.query('select count(*) from pair_event')
    const newer = await Database.open(stores.options, silent)
    const migrated = migrate(newer, MIGRATIONS)
    const waiting = `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    for (let round = 0; round < 2; round++) {
      await until(async () => (await stores.query<[number]>(waiting))[0]![0] > 0, 'the migration waits')
      const from = performance.now()
      await request(stores)
      expect(performance.now() - from).toBeLessThan(paced(5_000))
    }
    await backup.end('rollback')
    await migrated
    expect(await stores.events()).toHaveLength(2)
    await newer.close()
  })
})
