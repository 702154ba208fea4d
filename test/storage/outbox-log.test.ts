import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import type { LeasedEvent } from '../../src/storage/outbox.ts'
import { describeEachDatabase, describeWithPostgres } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, newUsers, OUTBOXES, Stores, type TestOutbox } from './stores.ts'

const LONG_MS = 60_000

type Whose = keyof typeof OUTBOXES
const WHOSE = Object.keys(OUTBOXES) as Whose[]

/** The numbers in an outbox, in their order. */
async function queuedIn(stores: Stores, of: Whose): Promise<number[]> {
  const { queue, own } = OUTBOXES[of]
  return (await stores.query<[number]>(`select seq from ${queue} where ${own} order by seq`)).map(([seq]) => seq)
}

/** The numbers that may still come. */
async function missingFor(stores: Stores, of: Whose): Promise<number[]> {
  const { gaps, own } = OUTBOXES[of]
  return (await stores.query<[number]>(`select seq from ${gaps} where ${own} order by seq`)).map(([seq]) => seq)
}

describeEachDatabase('an outbox reads from the log', kind => {
  describe.each(WHOSE)('as that of the %s,', of => {
    let stores: Stores
    let outbox: TestOutbox
    beforeAll(async () => {
      stores = await Stores.open(kind)
    })
    afterAll(() => stores[Symbol.asyncDispose]())
    beforeEach(async () => {
      outbox = await stores.newOutbox(of)
    })

    const request = async (): Promise<PairEvent> => (await stores.act(newUser(), 'request', newUser()))!
    const requests = async (count: number): Promise<PairEvent[]> => {
      const events: PairEvent[] = []
      for (let i = 0; i < count; i++) events.push(await request())
      return events
    }

    test('nothing that happened before it was begun, however often it is', async () => {
      await stores.emptyOutbox(of)
      await request()
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      await outbox.begin()
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      const event = await request()
      await outbox.begin()
      expect(await outbox.enqueueFromLog(10)).toBe(1)
      expect(await queuedIn(stores, of)).toEqual([event.seq])
    })

    test('everything once, in parts and in order', async () => {
      const seqs = (await requests(5)).map(({ seq }) => seq)
      expect(await outbox.enqueueFromLog(2)).toBe(2)
      expect(await queuedIn(stores, of)).toEqual(seqs.slice(0, 2))
      expect(await outbox.enqueueFromLog(2)).toBe(2)
      expect(await outbox.enqueueFromLog(2)).toBe(1)
      expect(await outbox.enqueueFromLog(2)).toBe(0)
      expect(await queuedIn(stores, of)).toEqual(seqs)
      const [first] = await outbox.lease(1, LONG_MS)
      await outbox.finish(first as LeasedEvent, LONG_MS)
      expect(await outbox.enqueueFromLog(2)).toBe(0)
      expect(await queuedIn(stores, of)).toEqual(seqs.slice(1))
    })

    test('nothing when nothing is new, and writes nothing then', async () => {
      await request()
      await outbox.enqueueFromLog(10)
      const position = () => stores.query(`select ctid::text, xmin::text, xmax::text from ${OUTBOXES[of].position}`)
      const before = await position()
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      expect(await position()).toEqual(before)
    })

    test('and counts nothing of the log that was before it was begun', async () => {
      await stores.emptyOutbox(of)
      await request()
      expect(await outbox.stats()).toEqual({ depth: 0, parked: 0, oldestAt: null })
    })

    test('and counts what it has not enqueued yet', async () => {
      const events = await requests(3)
      expect(await outbox.stats()).toEqual({ depth: 3, parked: 0, oldestAt: events[0]!.at })
      await outbox.enqueueFromLog(1)
      expect(await outbox.stats()).toEqual({ depth: 3, parked: 0, oldestAt: events[0]!.at })
      const [first] = await outbox.lease(1, LONG_MS)
      await outbox.finish(first as LeasedEvent, LONG_MS)
      expect(await outbox.stats()).toEqual({ depth: 2, parked: 0, oldestAt: events[1]!.at })
    })

    test('each event once, in the order of its pair, while many act and many instances enqueue', async () => {
      const seen: PairEvent[] = []
      const done: PairEvent[] = []
      const live = async (): Promise<void> => {
        for (const alice of newUsers(6)) {
          const bob = newUser()
          for (const action of ['request', 'cancel', 'request'] as const)
            done.push((await stores.act(alice, action, bob))!)
          done.push((await stores.act(bob, 'accept', alice))!)
        }
      }
      const lives = Promise.all(Array.from({ length: 6 }, live))
      const work = async (): Promise<void> => {
        while (seen.length < 144) {
          await outbox.enqueueFromLog(5)
          for (const first of await outbox.lease(3, LONG_MS)) {
            let one: LeasedEvent | null = first
            while (one) {
              seen.push(one.event)
              one = await outbox.finish(one, LONG_MS)
            }
          }
        }
      }
      await Promise.all([lives, work(), work(), work()])
      expect(byPair(seen)).toEqual(byPair(done))
      await until(
        async () => (await outbox.enqueueFromLog(5)) === 0 && (await missingFor(stores, of)).length === 0,
        'nothing is missing'
      )
      expect(await queuedIn(stores, of)).toEqual([])
    })
  })
})

describeWithPostgres('a number that is missing from the log when an outbox enqueues the next', () => {
  describe.each(WHOSE)('for the %s,', of => {
    let stores: Stores
    let outbox: TestOutbox
    beforeAll(async () => {
      stores = await Stores.open('postgres')
    })
    afterAll(() => stores[Symbol.asyncDispose]())
    beforeEach(async () => {
      outbox = await stores.newOutbox(of)
    })

    const act = async (): Promise<PairEvent> => (await stores.act(newUser(), 'request', newUser()))!

    test('is enqueued when its transaction commits, once', async () => {
      await using slow = await stores.hold()
      const late = await slow.act(newUser(), 'request', newUser())
      const early = await act()
      expect(await outbox.enqueueFromLog(10)).toBe(1)
      expect(await queuedIn(stores, of)).toEqual([early.seq])
      expect(await missingFor(stores, of)).toEqual([late.seq])
      expect(await outbox.enqueueFromLog(10)).toBe(0)

      await slow.end('commit')
      expect((await outbox.stats()).depth).toBe(2)
      expect(await outbox.enqueueFromLog(10)).toBe(1)
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      expect(await queuedIn(stores, of)).toEqual([late.seq, early.seq])
      expect(await missingFor(stores, of)).toEqual([])
    })

    test('is waited for although its transaction began after that of the next', async () => {
      await using quick = await stores.hold()
      await quick.identify()
      await using slow = await stores.hold()
      const late = await slow.act(newUser(), 'request', newUser())
      const early = await quick.act(newUser(), 'request', newUser())
      await quick.end('commit')
      expect(await outbox.enqueueFromLog(10)).toBe(1)
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      await slow.end('commit')
      expect(await outbox.enqueueFromLog(10)).toBe(1)
      expect(await queuedIn(stores, of)).toEqual([late.seq, early.seq])
    })

    test('is no longer waited for when its transaction was rolled back', async () => {
      await using slow = await stores.hold()
      const never = await slow.act(newUser(), 'request', newUser())
      const early = await act()
      await outbox.enqueueFromLog(10)
      expect(await missingFor(stores, of)).toEqual([never.seq])
      await slow.end('rollback')
      await until(
        async () => (await outbox.enqueueFromLog(10)) === 0 && (await missingFor(stores, of)).length === 0,
        'it is no longer waited for'
      )
      expect(await queuedIn(stores, of)).toEqual([early.seq])
    })

    test('is no longer waited for when too many others are missing', async () => {
      await using slow = await stores.hold()
      const late = await slow.act(newUser(), 'request', newUser())
      await stores.query(`select setval('pair_event_seq', $1)`, [late.seq + 12_000])
      const early = await act()
      await outbox.enqueueFromLog(10)
      const waitedFor = await missingFor(stores, of)
      expect(waitedFor).toHaveLength(10_000)
      expect(waitedFor.at(-1)).toBe(early.seq - 1)
    })

    test('is left to the instance that enqueues at the same time, as is the next', async () => {
      await act()
      await using other = await stores.hold()
      await other.query(`select from ${OUTBOXES[of].position} for update`)
      expect(await outbox.enqueueFromLog(10)).toBe(0)
      await other.end('rollback')
      expect(await outbox.enqueueFromLog(10)).toBe(1)
    })
  })
})

/** What happened to each pair, in the order in which it is given. */
function byPair(events: readonly PairEvent[]): Map<string, PairEvent[]> {
  const pairs = new Map<string, PairEvent[]>()
  for (const event of events) {
    const key = [event.actor, event.target].sort().join()
    pairs.set(key, [...(pairs.get(key) ?? []), event])
  }
  return pairs
}
