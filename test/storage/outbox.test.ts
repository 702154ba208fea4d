import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import type { PairAction } from '../../src/domain/friendship.ts'
import type { LeasedEvent } from '../../src/storage/outbox.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, newUsers, OUTBOXES, Stores, type TestOutbox } from './stores.ts'

const LONG_MS = 60_000
const AT = 1_700_000_000_000

describeEachDatabase('an outbox', kind => {
  describe.each(Object.keys(OUTBOXES) as (keyof typeof OUTBOXES)[])('of the %s', of => {
    let stores: Stores
    let outbox: TestOutbox

    beforeAll(async () => {
      stores = await Stores.open(kind)
    })
    afterAll(() => stores[Symbol.asyncDispose]())
    beforeEach(async () => {
      outbox = await stores.newOutbox(of)
    })

    const act = async (actor: Address, action: PairAction, target: Address): Promise<PairEvent> => {
      const event = await stores.act(actor, action, target, { at: AT })
      await outbox.enqueueFromLog(100)
      return event!
    }
    const lease = (limit = 10, ms = LONG_MS) => outbox.lease(limit, ms)
    const leaseOne = async (ms = LONG_MS) => (await lease(1, ms))[0] as LeasedEvent

    test('has each event that was committed, as it is in the log', async () => {
      const [alice, bob] = [newUser(), newUser()]
      const event = await act(alice, 'request', bob)
      expect(await lease()).toEqual([{ event, attempts: 0, leasedUntil: expect.any(Number) }])
    })

    test('leases the first event of each pair alone, oldest first', async () => {
      const [alice, bob, carol] = newUsers(3) as [Address, Address, Address]
      const first = await act(alice, 'request', bob)
      await act(bob, 'accept', alice)
      const second = await act(alice, 'request', carol)
      expect((await lease()).map(({ event }) => event)).toEqual([first, second])
      expect(await lease()).toEqual([])
    })

    test('leases no more than the limit', async () => {
      for (const user of newUsers(3)) await act(user, 'request', newUser())
      expect(await lease(2)).toHaveLength(2)
      expect(await lease(2)).toHaveLength(1)
    })

    test('goes on with the next event of a pair when one is finished', async () => {
      const [alice, bob] = [newUser(), newUser()]
      await act(alice, 'request', bob)
      const accept = await act(bob, 'accept', alice)
      const next = await outbox.finish(await leaseOne(), LONG_MS)
      expect(next?.event).toEqual(accept)
      expect(await lease()).toEqual([])
      expect(await outbox.finish(next as LeasedEvent, LONG_MS)).toBeNull()
      expect(await outbox.stats()).toEqual({ depth: 0, parked: 0, oldestAt: null })
    })

    test('leases an event to another worker when the lease is over, and heeds the first no more', async () => {
      const [alice, bob] = [newUser(), newUser()]
      await act(alice, 'request', bob)
      await act(bob, 'accept', alice)
      const first = await leaseOne(1)
      let second: LeasedEvent | undefined
      await until(async () => {
        second = await leaseOne()
        return second !== undefined
      }, 'the lease is over')
      expect(second?.event).toEqual(first.event)

      expect(await outbox.finish(first, LONG_MS)).toBeNull()
      await outbox.release(first)
      await outbox.postpone(first, { delayMs: 0, attempts: 9, error: 'late', parked: true })
      expect(await lease()).toEqual([])
      expect((await outbox.finish(second as LeasedEvent, LONG_MS))?.event.action).toBe('accept')
    })

    test('leases what was released again, as it was', async () => {
      await act(newUser(), 'request', newUser())
      const leased = await leaseOne()
      await outbox.release(leased)
      expect(await leaseOne()).toMatchObject({ event: leased.event, attempts: 0 })
    })

    test('delays what was postponed, and what comes after it', async () => {
      const [alice, bob] = [newUser(), newUser()]
      await act(alice, 'request', bob)
      await act(bob, 'accept', alice)
      await outbox.postpone(await leaseOne(), { delayMs: LONG_MS, attempts: 1, error: 'away', parked: false })
      expect(await lease()).toEqual([])
    })

    test('remembers how often something was tried', async () => {
      await act(newUser(), 'request', newUser())
      await outbox.postpone(await leaseOne(), { delayMs: 0, attempts: 3, error: 'away', parked: false })
      expect(await leaseOne()).toMatchObject({ attempts: 3 })
    })

    test('leases nothing that is parked, nor what comes after it, until it is retried', async () => {
      const [alice, bob] = [newUser(), newUser()]
      const request = await act(alice, 'request', bob)
      const other = await act(newUser(), 'request', newUser())
      await act(bob, 'accept', alice)
      await outbox.postpone(await leaseOne(), { delayMs: 0, attempts: 3, error: 'forbidden', parked: true })

      expect((await lease()).map(({ event }) => event)).toEqual([other])
      expect(await outbox.parked(10)).toEqual([{ event: request, attempts: 3, error: 'forbidden', waiting: 1 }])
      expect(await outbox.stats()).toEqual({ depth: 3, parked: 1, oldestAt: AT })

      expect(await outbox.retryParked()).toBe(1)
      expect(await outbox.parked(10)).toEqual([])
      expect(await lease()).toEqual([{ event: request, attempts: 0, leasedUntil: expect.any(Number) }])
    })

    test('shares pairs among many workers that lease at the same time, each event once', async () => {
      const committed: PairEvent[] = []
      for (const user of newUsers(40)) {
        const other = newUser()
        committed.push(await act(user, 'request', other), await act(other, 'accept', user))
      }
      const seen: number[] = []
      const work = async (): Promise<void> => {
        for (let leased = await lease(3); leased.length > 0; leased = await lease(3)) {
          for (const first of leased) {
            let one: LeasedEvent | null = first
            while (one) {
              seen.push(one.event.seq)
              one = await outbox.finish(one, LONG_MS)
            }
          }
        }
      }
      await Promise.all([work(), work(), work(), work()])
      expect(seen.toSorted((a, b) => a - b)).toEqual(committed.map(({ seq }) => seq))
    })
  })
})
