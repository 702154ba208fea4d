import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import type { Logger } from '../../src/observability/logger.ts'
import { LogHolders, type Outboxes } from '../../src/storage/log-holders.ts'
import { LogPartitions } from '../../src/storage/log-partitions.ts'
import { SavedPositionStore } from '../../src/storage/saved-positions.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { LogRetention } from '../../src/updates/log-retention.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, Stores, type TestOutbox } from '../storage/stores.ts'

const DAY_MS = 86_400_000
const WINDOW_MS = 60_000
const NOW = Date.now()
const NO_OUTBOXES: Outboxes = { homeserver: false, sinks: [] }

/** Of what it says, a failure must not pass unnoticed. */
const logger = {
  warn: ({ err }: { readonly err?: unknown }) => {
    if (err) failures.push(err)
  }
} as unknown as Logger
const failures: unknown[] = []

/** What is kept for ten days. */
function retentionOf(stores: Stores, outboxes = NO_OUTBOXES): LogRetention {
  const deps = {
    partitions: new LogPartitions(stores.db),
    holders: new LogHolders(stores.db, WINDOW_MS),
    logger
  }
  return new LogRetention({ ...deps, now: () => NOW }, { retentionMs: 10 * DAY_MS, outboxes, everyMs: 3_600_000 })
}

describeEachDatabase('the log is kept', kind => {
  let stores: Stores
  let retention: LogRetention
  beforeAll(async () => {
    stores = await Stores.open(kind)
    retention = retentionOf(stores)
    await retention.look()
  })
  afterAll(() => stores[Symbol.asyncDispose]())
  afterEach(() => expect(failures.splice(0)).toEqual([]))
  // What one test leaves behind holds nothing in the next.
  beforeEach(async () => {
    for (const table of ['matrix_log_position', 'notification_position', 'instance', 'stream_position']) {
      await stores.query(`delete from ${table}`)
    }
    await retention.look()
  })

  /** An event of so many days ago, in a partition that is full. */
  async function eventOf(days: number): Promise<PairEvent> {
    const event = (await stores.act(newUser(), 'request', newUser(), { at: NOW - days * DAY_MS }))!
    const partitions = new LogPartitions(stores.db)
    await partitions.prepare()
    const { partitions: all, next } = await partitions.layout()
    await partitions.close(all.find(({ from, until }) => from <= next && next < until)!)
    return event
  }

  /** Takes all that there is from the log, and waits for no number that it has not. */
  async function enqueueAll(outbox: TestOutbox): Promise<void> {
    const missing = `select 1 from matrix_log_gap union all select 1 from notification_gap`
    await until(
      async () => (await outbox.enqueueFromLog(10)) === 0 && (await stores.query(missing)).length === 0,
      'everything is enqueued'
    )
  }

  /** Whether an event is there after a look. */
  async function isKept({ seq }: PairEvent): Promise<boolean> {
    await retention.look()
    return (await stores.log.find(seq)) !== null
  }

  it('until it is old, and no longer', async () => {
    const [old, young] = [await eventOf(11), await eventOf(9)]
    expect([await isKept(old), await isKept(young)]).toEqual([false, true])
    expect(await stores.log.horizon()).toBe(old.seq)
    expect(retention.state.oldestAgeMs).toBe(9 * DAY_MS)
    await stores.query('update pair_event set acted_at = acted_at - $2::bigint where seq = $1', [young.seq, 2 * DAY_MS])
    expect(await isKept(young)).toBe(false)
    // Who reads it from now on begins behind what was there.
    expect(await stores.log.latest()).toBe(young.seq)
  })

  it('in partitions that take the events of an eighth of the time at most', async () => {
    const [first, second] = [newUser(), newUser()]
    const before = (await stores.act(first, 'request', second, { at: NOW - 1.2 * DAY_MS }))!
    await retention.look()
    const same = (await stores.act(second, 'reject', first, { at: NOW - 1.2 * DAY_MS }))!
    expect(same.seq).toBe(before.seq + 1)
    await stores.query('update pair_event set acted_at = acted_at - $2::bigint where seq = $1', [before.seq, DAY_MS])
    await retention.look()
    const next = (await stores.act(first, 'request', second, { at: NOW }))!
    const { partitions } = await new LogPartitions(stores.db).layout()
    expect(partitions.map(({ from }) => from)).toContain(next.seq)
    await stores.query('update pair_event set acted_at = acted_at - $1::bigint', [20 * DAY_MS])
  })

  for (const of of ['homeserver', 'sink'] as const) {
    it(`until the outbox of the ${of} has read it`, async () => {
      const outbox = await stores.newOutbox(of)
      await stores.query(`delete from notification_position where sink = 'another'`)
      const event = await eventOf(30)
      expect([await isKept(event), retention.holder]).toEqual([true, of === 'sink' ? 'sinks' : 'homeserver'])
      await enqueueAll(outbox)
      const [leased] = await outbox.lease(1, 60_000)
      await outbox.finish(leased!, 60_000)
      expect([await isKept(event), retention.holder]).toEqual([false, null])
    })

    it(`while the outbox of the ${of} waits for an event before it`, async () => {
      const outbox = await stores.newOutbox(of)
      await stores.query(`delete from notification_position where sink = 'another'`)
      const event = await eventOf(30)
      await enqueueAll(outbox)
      const [leased] = await outbox.lease(1, 60_000)
      await outbox.finish(leased!, 60_000)
      // One with a lower number that may still be committed.
      const own = of === 'sink' ? `sink, seq, bound) select sink, ` : 'seq, bound) select '
      const [gaps, position] =
        of === 'sink' ? ['notification_gap', 'notification_position'] : ['matrix_log_gap', 'matrix_log_position']
      await stores.query(`insert into ${gaps} (${own} ${event.seq - 1}, '9000000' from ${position}`)
      expect(await isKept(event)).toBe(true)
      await stores.query(`delete from ${gaps}`)
      expect(await isKept(event)).toBe(false)
    })

    it(`but for what the outbox of the ${of} has parked, which stays by itself`, async () => {
      const outbox = await stores.newOutbox(of)
      await stores.query(`delete from notification_position where sink = 'another'`)
      const event = await eventOf(30)
      await enqueueAll(outbox)
      const [leased] = await outbox.lease(1, 60_000)
      await outbox.postpone(leased!, { delayMs: 0, attempts: 3, error: 'refused', parked: true })
      expect([await isKept(event), retention.holder]).toEqual([true, null])
      expect(await stores.log.horizon()).toBe(event.seq)
      expect((await outbox.parked(10)).map(parked => parked.event)).toEqual([event])
      await outbox.retryParked()
      const [again] = await outbox.lease(1, 60_000)
      expect(again?.event).toEqual(event)
      await outbox.finish(again!, 60_000)
      expect(await isKept(event)).toBe(false)
    })

    it(`for no outbox of the ${of} that nobody has any more, which goes on behind it`, async () => {
      const outbox = await stores.newOutbox(of)
      await stores.query(`delete from notification_position where sink = 'another'`)
      const events = [await eventOf(30), await eventOf(30)]
      await outbox.enqueueFromLog(1)
      const position = of === 'sink' ? 'notification_position' : 'matrix_log_position'
      await stores.query(`update ${position} set used_at = used_at - $1::bigint`, [8 * DAY_MS])
      await retentionOf(stores, { homeserver: true, sinks: ['webhook-test'] }).look()
      expect(await stores.log.find(events[0]!.seq)).toEqual(events[0])
      await stores.query(`update ${position} set used_at = used_at - $1::bigint`, [8 * DAY_MS])
      expect([await isKept(events[0]!), await isKept(events[1]!)]).toEqual([false, false])
      expect([await outbox.stats(), await outbox.enqueueFromLog(10)]).toEqual([
        { depth: 0, parked: 0, oldestAt: null },
        0
      ])
    })
  }

  it('until every instance that is alive has read it', async () => {
    const positions = new SavedPositionStore(stores.db)
    const event = await eventOf(30)
    const [behind, dead] = [randomUUID(), randomUUID()]
    for (const instance of [behind, dead]) await positions.heartbeat(instance, event.seq - 1)
    await stores.query('update instance set alive_at = alive_at - $2::bigint where id = $1', [dead, DAY_MS])
    expect([await isKept(event), retention.holder]).toEqual([true, 'instances'])
    await positions.heartbeat(behind, event.seq)
    expect(await isKept(event)).toBe(false)
  })

  /** A device that has acknowledged everything before an event, and was lost just now. */
  async function lostBefore({ seq }: PairEvent) {
    const positions = new SavedPositionStore(stores.db)
    const claim = {
      device: randomBytes(32),
      owner: randomUUID(),
      instance: randomUUID(),
      start: 0,
      windowMs: WINDOW_MS
    }
    await positions.claim(claim)
    await positions.save([{ ...claim, floor: seq - 1, acked: [], isLost: true }])
    return { claim, positions }
  }

  it('for a device that may come back and be told of it', async () => {
    const event = await eventOf(15)
    const { claim, positions } = await lostBefore(event)
    expect([await isKept(event), retention.holder]).toEqual([true, 'devices'])
    expect(await positions.claim({ ...claim, owner: randomUUID() })).toMatchObject({ isInLog: true })
    await positions.save([{ ...claim, floor: event.seq, acked: [], isLost: true }])
    await stores.query('update stream_position set lost_at = 0')
    expect(await isKept(event)).toBe(false)
  })

  it('for no device when it is twice as old, of which the device hears when it comes back', async () => {
    const event = await eventOf(21)
    const { claim, positions } = await lostBefore(event)
    expect(await isKept(event)).toBe(false)
    expect(await positions.claim(claim)).toMatchObject({ floor: event.seq - 1, isRecent: true, isInLog: false })
  })

  it('as are changes of settings, until they are told', async () => {
    const settings = new SettingsStore(stores.db)
    const outbox = await stores.newOutbox('sink')
    await stores.query(`delete from notification_position where sink = 'another'`)
    await settings.change(newUser(), { friends: 'EVERYONE', privateMessages: 'only_friends' })
    await settings.change(newUser(), { friends: 'EVERYONE', privateMessages: 'only_friends' })
    const [[all] = []] = await stores.query<[number]>('select count(*) from settings_event')
    const count = async (): Promise<number> => {
      await retention.look()
      return (await stores.query<[number]>('select count(*) from settings_event'))[0]![0]
    }
    await stores.query('update settings_event set changed_at = changed_at - $1::bigint', [30 * DAY_MS])
    expect(await count()).toBe(all)
    await enqueueAll(outbox)
    expect(await count()).toBe(all)
    for (let leased = (await outbox.lease(1, 60_000))[0]; leased; leased = (await outbox.lease(1, 60_000))[0]) {
      await outbox.finish(leased, 60_000)
    }
    expect(await count()).toBe(0)
  })
})
