import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Address, orderedPair } from '../../src/domain/address.ts'
import { describeEachDatabase, describeWithPostgres } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { eventsAfter, newUser, Stores } from './stores.ts'

describeEachDatabase('The event log', kind => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open(kind)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const request = () => stores.act(newUser(), 'request', newUser())
  const latest = () => stores.log.latest()

  test('is empty at first', async () => {
    const { log } = stores
    expect(await latest()).toBe(0)
    expect(await log.sweep(0, [], 10, true)).toMatchObject({ events: [], nextTransaction: 0 })
    expect(await log.afterForTarget(newUser(), 0, 10)).toEqual([])
  })

  test('holds every event as it was answered, in the order of the numbers', async () => {
    const start = await latest()
    const [alice, bob] = [newUser(), newUser()]
    const events = [
      await stores.act(alice, 'request', bob, { message: 'a\0b' }),
      await stores.act(bob, 'accept', alice),
      await stores.act(alice, 'delete', bob),
      await stores.act(bob, 'block', alice),
      await stores.act(bob, 'unblock', alice)
    ]
    const found = await eventsAfter(stores.log, start)
    expect(found).toEqual(events)
    expect(found.map(({ previous }) => previous)).toEqual(['none', 'requested', 'accepted', 'deleted', 'deleted'])
    expect(await latest()).toBe(events.at(-1)?.seq)
  })

  test('finds one event by its number, and nothing under a number that no event has', async () => {
    const event = await stores.act(newUser(), 'request', newUser(), { message: 'hi' })
    expect(await stores.log.find(event!.seq)).toEqual(event)
    expect(await stores.log.find(1_000_000_000)).toBeNull()
  })

  test('is swept in parts, with those of the missing numbers that are there, and whom each concerns', async () => {
    const start = await latest()
    const events: { seq: number; lo: Address; hi: Address }[] = []
    for (let i = 0; i < 6; i++) {
      const event = await request()
      events.push({ seq: event!.seq, ...orderedPair(event!.actor, event!.target) })
    }
    const seqs = events.map(({ seq }) => seq)
    const { log } = stores
    expect((await log.sweep(start, [], 4, true)).events).toEqual(events.slice(0, 4))
    expect((await log.sweep(seqs[3]!, [], 4, true)).events).toEqual(events.slice(4))
    const view = await log.sweep(seqs[3]!, [seqs[0]!, seqs[2]!, 1_000_000_000], 1, true)
    expect(view.events).toEqual([events[0], events[2], events[4]])
    expect((await log.sweep(seqs[5]!, [], 4, true)).events).toEqual([])
    const numbers = await log.sweep(start, [], 10, false)
    expect(numbers.events).toEqual(seqs.map(seq => ({ seq })))
  })

  test('reads what others did to one user since a number', async () => {
    const [alice, bob, carol] = [newUser(), newUser(), newUser()]
    const events = [
      await stores.act(alice, 'request', bob),
      await stores.act(bob, 'request', carol),
      await stores.act(carol, 'reject', bob),
      await stores.act(alice, 'cancel', bob),
      await stores.act(carol, 'request', bob)
    ]
    const { log } = stores
    const toBob = [events[0], events[2], events[3], events[4]]
    expect(await log.afterForTarget(bob, 0, 10)).toEqual(toBob)
    expect(await log.afterForTarget(bob, 0, 2)).toEqual(toBob.slice(0, 2))
    expect(await log.afterForTarget(bob, events[2]!.seq, 10)).toEqual(toBob.slice(2))
    expect(await log.afterForTarget(bob, events[4]!.seq, 10)).toEqual([])
    expect(await log.afterForTarget(alice, 0, 10)).toEqual([])
  })
})

describeWithPostgres('A view of the log', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres')
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const act = () => stores.act(newUser(), 'request', newUser())

  describe('with transactions that are open', () => {
    test('says that the transaction of a missing number still runs, until it has ended', async () => {
      await using slow = await stores.hold()
      await using other = await stores.hold()
      const late = await slow.act(newUser(), 'request', newUser())
      await other.identify()
      const early = await act()
      const sweep = (after: number, missing: number[] = []) => stores.log.sweep(after, missing, 10, false)
      const view = await sweep(late.seq - 1)
      expect(view.events).toEqual([{ seq: early!.seq }])
      expect(view.oldestRunning).toBeLessThan(view.nextTransaction)
      const still = await sweep(early!.seq, [late.seq])
      expect([still.events, still.oldestRunning]).toEqual([[], view.oldestRunning])
      await slow.end('commit')
      const one = await sweep(early!.seq, [late.seq])
      expect(one.events).toEqual([{ seq: late.seq }])
      expect(one.oldestRunning).toBeLessThan(view.nextTransaction)
      await other.end('rollback')
      // Other tests have transactions on the same server, which end in their own time.
      const oldestRunning = async () => (await sweep(early!.seq)).oldestRunning
      await until(async () => (await oldestRunning()) >= view.nextTransaction, 'all of them have ended')
    })

    test('takes an id of its own only when something is new', async () => {
      const event = await act()
      const idsUsed = async (): Promise<number> => {
        const [row] = await stores.query<[number]>('select pg_snapshot_xmax(pg_current_snapshot())::text::bigint')
        return row![0]
      }
      const idsUsedBy = async (seq: number): Promise<number> => {
        const before = await idsUsed()
        for (let i = 0; i < 5; i++) await stores.log.sweep(seq, [1, 2, 3], 10, true)
        return (await idsUsed()) - before
      }
      expect(await idsUsedBy(event!.seq - 1)).toBeGreaterThanOrEqual(5)
      // Other tests have transactions on the same server, and take ids of it in their own time.
      await until(async () => (await idsUsedBy(event!.seq)) === 0, 'a time in which nobody took an id')
    })
  })
})
