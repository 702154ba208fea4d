import { randomBytes, randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import { LogPartitions } from '../../src/storage/log-partitions.ts'
import { SavedPositionStore } from '../../src/storage/saved-positions.ts'
import { describeEachDatabase, describeWithPostgres } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, Stores } from './stores.ts'

const MILLION = 1_000_000

/** The tables of the log, each with what it may hold. */
async function tablesOf(stores: Stores): Promise<Record<string, string>> {
  const rows = await stores.query<[string, string]>(
    `select part.relname, pg_get_expr(part.relpartbound, part.oid) from pg_inherits join pg_class part on part.oid = inhrelid
      where inhparent = 'pair_event'::regclass`
  )
  return Object.fromEntries(rows)
}

/** In which tables the events are. */
async function placesOf(stores: Stores): Promise<Record<string, number[]>> {
  const rows = await stores.query<[string, number]>('select tableoid::regclass::text, seq from pair_event order by seq')
  const places: Record<string, number[]> = {}
  for (const [table, seq] of rows) places[table] = [...(places[table] ?? []), seq]
  return places
}

const request = async (stores: Stores): Promise<PairEvent> => (await stores.act(newUser(), 'request', newUser()))!

describeEachDatabase('The partitions of the log', kind => {
  let stores: Stores
  let partitions: LogPartitions
  beforeAll(async () => {
    stores = await Stores.open(kind)
    partitions = new LogPartitions(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const bounds = async () => (await partitions.layout()).partitions.map(({ from, until }) => [from, until])

  // Each test goes on where the one before it ended, as a log does.
  test('are made of what was there before them, where it is, and ahead of what comes', async () => {
    const before = [await request(stores), await request(stores)]
    const file = `select pg_relation_filenode('pair_event_default')`
    const [[fileBefore] = []] = await stores.query(file)
    expect(await partitions.prepare()).toBe(true)
    expect(await bounds()).toEqual([
      [0, 3],
      [3, 3 + MILLION],
      [3 + MILLION, 3 + 2 * MILLION]
    ])
    expect(await stores.query(`select pg_relation_filenode('pair_event_0')`)).toEqual([[fileBefore]])
    const after = await request(stores)
    expect(await placesOf(stores)).toEqual({ pair_event_0: before.map(({ seq }) => seq), pair_event_3: [after.seq] })
    expect(await stores.events()).toEqual([...before, after])
  })

  test('stay as they are while there are enough', async () => {
    const before = await tablesOf(stores)
    expect(await partitions.prepare()).toBe(true)
    expect(await tablesOf(stores)).toEqual(before)
  })

  test('go on with the next one when the present one is closed', async () => {
    const present = (await partitions.layout()).partitions[1]!
    expect(await partitions.close(present)).toBe(true)
    // Closed twice, it is closed once.
    expect(await partitions.close(present)).toBe(true)
    expect((await request(stores)).seq).toBe(present.until)
    await partitions.prepare()
    expect(await bounds()).toHaveLength(5)
  })

  test('go on in the default one when they have run out, which then becomes one of them', async () => {
    await stores.query(`select setval('pair_event_seq', ${10 * MILLION})`)
    const late = [await request(stores), await request(stores)]
    expect((await placesOf(stores))['pair_event_default']).toEqual(late.map(({ seq }) => seq))
    const from = (await bounds()).at(-1)![1]!
    await partitions.prepare()
    expect((await placesOf(stores))[`pair_event_${from}`]).toEqual(late.map(({ seq }) => seq))
    const { next, isOverflown } = await partitions.layout()
    expect([next, isOverflown]).toEqual([10 * MILLION + 3, false])
    expect((await bounds()).at(-1)).toEqual([next + MILLION, next + 2 * MILLION])
  })

  test('are dropped as a whole, but for what is kept', async () => {
    const [first, second] = (await partitions.layout()).partitions
    const events = await stores.events()
    expect(await partitions.drop(first!, [2])).toBe(true)
    expect(await stores.log.horizon()).toBe(2)
    expect((await placesOf(stores))['pair_event_default']).toEqual([2])
    expect(await stores.events()).toEqual(events.slice(1))
    expect(await stores.log.find(2)).toEqual(events[1])
    // It is not the first any more.
    await partitions.drop(first!, [])
    expect((await stores.events()).length).toBe(events.length - 1)
    await partitions.drop(second!, [2])
    expect(await stores.events()).toEqual([events[1], ...events.slice(3)])
    expect(await partitions.layout()).toMatchObject({ hasStragglers: true, isOverflown: false })
  })

  test('are bounded beside what was kept of old ones', async () => {
    await stores.query(`select setval('pair_event_seq', ${20 * MILLION})`)
    const late = await request(stores)
    const from = (await bounds()).at(-1)![1]!
    await partitions.prepare()
    const places = await placesOf(stores)
    expect([places['pair_event_default'], places[`pair_event_${from}`]]).toEqual([[2], [late.seq]])
  })
})

describeEachDatabase('A log that is too large to be read while everybody waits', kind => {
  test('is proven to end far ahead, which is where it goes on', async () => {
    await using stores = await Stores.open(kind)
    const partitions = new LogPartitions(stores.db, 0)
    const events = [await request(stores), await request(stores)]
    expect(await partitions.prepare()).toBe(true)
    const { partitions: made, next, bound } = await partitions.layout()
    expect(made.map(({ from, until }) => [from, until])).toEqual([
      [0, 100 * MILLION + 3],
      [100 * MILLION + 3, 101 * MILLION + 3],
      [101 * MILLION + 3, 102 * MILLION + 3]
    ])
    expect([next, bound]).toEqual([100 * MILLION + 3, null])
    events.push(await request(stores))
    expect(await stores.events()).toEqual(events)
    expect(events[2]?.seq).toBe(next)
  })
})

describeWithPostgres('The partitions of a log that is in use', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres', { poolSize: 10 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  test('are made, closed and dropped by several at once, while everybody writes, reads and comes back', async () => {
    const written: PairEvent[] = []
    let isOver = false
    const writer = async (): Promise<void> => {
      while (!isOver) written.push(await request(stores))
    }
    const read: number[] = []
    const reader = async (): Promise<void> => {
      for (let seq = 0; !isOver; ) {
        const { events } = await stores.log.sweep(seq, [], 1000, false)
        read.push(...events.map(event => event.seq))
        seq = events.at(-1)?.seq ?? seq
      }
    }
    const positions = new SavedPositionStore(stores.db)
    const resumer = async (): Promise<void> => {
      const device = { device: randomBytes(32), instance: randomUUID(), start: 0, windowMs: 60_000 }
      while (!isOver) {
        await positions.claim({ ...device, owner: randomUUID() })
        const event = written.at(-1)
        if (!event) continue
        const [missed] = await stores.log.afterForTarget(event.target, await stores.log.horizon(), 10)
        if (missed && missed.seq !== event.seq) throw new Error('It missed something else')
      }
    }
    const instances = [0, 1, 2].map(() => new LogPartitions(stores.db))
    const users = [writer(), writer(), writer(), reader(), resumer()]
    let closed = 0
    while (closed < 6) {
      await Promise.all(instances.map(each => each.prepare()))
      const { partitions, next } = await instances[0]!.layout()
      const present = partitions.find(({ from, until }) => from <= next && next < until)
      if (!present || present.last === null) continue
      await Promise.all(instances.map(each => each.close(present)))
      closed += 1
      if (closed === 3) await Promise.all(instances.map(each => each.drop(partitions[0]!, [])))
    }
    isOver = true
    await Promise.all(users)
    const horizon = await stores.log.horizon()
    expect(horizon).toBeGreaterThan(0)
    const seqs = written.map(({ seq }) => seq).sort((a, b) => a - b)
    expect(new Set(seqs).size).toBe(seqs.length)
    expect((await stores.events()).map(({ seq }) => seq)).toEqual(seqs.filter(seq => seq > horizon))
    expect(read).toEqual([...read].sort((a, b) => a - b))
    const { partitions } = await instances[0]!.layout()
    for (const [at, { from }] of partitions.entries()) {
      if (at > 0) expect(from).toBe(partitions[at - 1]!.until)
    }
  })

  test('are changed by one instance at a time', async () => {
    const partitions = new LogPartitions(stores.db)
    const [first] = (await partitions.layout()).partitions
    await using other = await stores.hold()
    await other.query('select pg_advisory_xact_lock(7305214, 5)')
    expect(await partitions.drop(first!, [])).toBe(false)
    expect((await partitions.layout()).partitions[0]).toEqual(first)
    await other.end('rollback')
    expect(await partitions.drop(first!, [])).toBe(true)
  })

  describe('with somebody who reads it for long', () => {
    test('are left as they are, and nobody waits for it longer than a moment', async () => {
      const partitions = new LogPartitions(stores.db)
      const [first] = (await partitions.layout()).partitions
      await using backup = await stores.hold()
      await backup.query('select count(*) from pair_event')
      let isOver = false
      let longest = 0
      const writer = (async () => {
        while (!isOver) {
          const from = performance.now()
          await request(stores)
          longest = Math.max(longest, performance.now() - from)
        }
      })()
      const dropping = partitions.drop(first!, [])
      expect(await dropping).toBe(false)
      isOver = true
      await writer
      // Each of the five tries lasts a tenth of a second; the rest is the machine's.
      expect(longest).toBeLessThan(3_000)
      await backup.end('rollback')
      expect(await partitions.drop(first!, [])).toBe(true)
    })
  })
})

describeWithPostgres('An event that waits for a partition to be attached', () => {
  test('is written all the same, into the one that is meant for it', async () => {
    await using stores = await Stores.open('postgres')
    const attaching = new Client({ connectionString: stores.url })
    await attaching.connect()
    try {
      await attaching.query('begin')
      await attaching.query('create table pair_event_0 (like pair_event including all)')
      await attaching.query('alter table pair_event attach partition pair_event_0 for values from (0) to (1000)')
      const waiting = request(stores)
      const isWaiting = async () => (await stores.query('select from pg_locks where not granted')).length > 0
      await until(isWaiting, 'the event waits for the partition')
      await attaching.query('commit')
      const { seq } = await waiting
      expect(await placesOf(stores)).toEqual({ pair_event_0: [seq] })
    } finally {
      await attaching.end()
    }
  })
})
