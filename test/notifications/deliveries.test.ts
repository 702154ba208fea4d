import { expect, it } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import { Deliveries } from '../../src/notifications/deliveries.ts'
import type { Notification } from '../../src/notifications/notification.ts'
import { type NotificationSink, SinkError, type SinkRetry } from '../../src/notifications/sink.ts'
import { SinkWatch } from '../../src/notifications/sink-watch.ts'
import { silent } from '../env/databases.ts'
import { newUser } from '../storage/stores.ts'

const BACKOFF = { firstMs: 1_000, maxMs: 300_000 }
const NO_STOP = new AbortController().signal

let seq = 0
const leased = (attempts = 0) => {
  seq += 1
  const pair = {
    actor: newUser(),
    target: newUser(),
    action: 'request',
    previous: 'none',
    previousActor: null
  } as const
  const event: PairEvent = { kind: 'pair', seq, ...pair, message: null, at: 0 }
  return { event, attempts, leasedUntil: 0 }
}

/** Deliveries to a sink that does what a test says. */
function deliveriesTo(send: NotificationSink['send'], sendMs = 60_000) {
  const clock = { now: 1_000_000 }
  const now = () => clock.now
  const watch = new SinkWatch({ backoff: { firstMs: 1_000, maxMs: 30_000 }, logger: silent, now })
  const sink: NotificationSink = { name: 'test', wants: ({ seq: each }) => each > 0, send, close: async () => {} }
  const deps = { sink, watch, onDelivered: () => {}, logger: silent, now }
  return { clock, watch, deliveries: new Deliveries(deps, { sendMs, backoff: BACKOFF, giveWayMs: 40 }) }
}

const failing = (retry: SinkRetry, retryAfterMs?: number) => () =>
  Promise.reject(new SinkError('It failed', { retry, retryAfterMs }))

it('parks at once what never can be delivered', async () => {
  const { deliveries, watch } = deliveriesTo(failing('never'))
  const decision = { outcome: 'parked', parked: true, attempts: 1, error: 'It failed', delayMs: 0 }
  expect(await deliveries.deliver(leased(), NO_STOP)).toEqual(decision)
  expect(watch.isPaused).toBe(false)
})

it('counts what can be delivered later, and parks it after a day of tries', async () => {
  const { deliveries, watch } = deliveriesTo(failing('later'))
  expect(await deliveries.deliver(leased(), NO_STOP)).toMatchObject({ outcome: 'retried', attempts: 1, parked: false })
  expect(await deliveries.deliver(leased(298), NO_STOP)).toMatchObject({ outcome: 'retried', attempts: 299 })
  expect(await deliveries.deliver(leased(299), NO_STOP)).toMatchObject({ outcome: 'parked', attempts: 300 })
  expect(watch.isPaused).toBe(false)
})

it('waits with one event for as long as the sink asks', async () => {
  const { deliveries } = deliveriesTo(failing('later', 600_000))
  expect(await deliveries.deliver(leased(), NO_STOP)).toMatchObject({ outcome: 'retried', delayMs: 600_000 })
})

it('counts nothing while the sink is away, leaves it alone, and finds out with one event', async () => {
  let isAway = true
  const { deliveries, watch, clock } = deliveriesTo(() => (isAway ? failing('away')() : Promise.resolve()))
  for (let failures = 1; failures <= 8; failures += 1) {
    const decision = await deliveries.deliver(leased(5), NO_STOP)
    expect(decision).toMatchObject({ outcome: 'away', attempts: 5, parked: false })
    const longest = Math.min(30_000, 1_000 * 2 ** (failures - 1))
    expect(decision?.delayMs).toBeGreaterThanOrEqual(longest / 2)
    expect(decision?.delayMs).toBeLessThanOrEqual(longest + 40)
    expect(await watch.capacity(8)).toBe(0)
    clock.now += 30_000
    expect(await watch.capacity(8)).toBe(1)
  }
  isAway = false
  expect(await deliveries.deliver(leased(), NO_STOP)).toBeNull()
  expect(await watch.capacity(8)).toBe(8)
})

it('takes deliveries that fail together for one failure of the sink', async () => {
  const { deliveries, watch, clock } = deliveriesTo(async () => {
    await Promise.resolve()
    clock.now += 1
    return failing('away')()
  })
  await Promise.all(Array.from({ length: 8 }, () => deliveries.deliver(leased(), NO_STOP)))
  clock.now += 1_000
  expect(await watch.capacity(8)).toBe(1)
})

it('counts against an event that the sink fails with it and takes others', async () => {
  const bad = leased()
  const { deliveries, clock, watch } = deliveriesTo(({ seq: each }: Notification) =>
    each === bad.event.seq ? failing('away')() : Promise.resolve()
  )
  const tryBad = () => deliveries.deliver(bad, NO_STOP)
  expect(await tryBad()).toMatchObject({ outcome: 'away', attempts: 0 })
  clock.now += 30_000
  expect(await tryBad()).toMatchObject({ outcome: 'away', attempts: 0 })
  clock.now += 30_000
  await deliveries.deliver(leased(), NO_STOP)
  expect(await tryBad()).toMatchObject({ outcome: 'retried', attempts: 1 })
  expect(await watch.capacity(8)).toBe(8)
  // Nothing was delivered since.
  expect(await tryBad()).toMatchObject({ outcome: 'away', attempts: 0 })
})

it('waits no longer than it may for a sink that does not heed its signal', async () => {
  const { deliveries } = deliveriesTo(() => new Promise(() => {}), 20)
  expect(await deliveries.deliver(leased(), NO_STOP)).toMatchObject({ outcome: 'away', error: 'No answer in time' })
})

it('shows operators no text of an unforeseen error, and parks it soon', async () => {
  const { deliveries } = deliveriesTo(() => Promise.reject(new TypeError('token abc of alice')))
  const decision = { outcome: 'parked', error: 'Unforeseen error', attempts: 3 }
  expect(await deliveries.deliver(leased(2), NO_STOP)).toMatchObject(decision)
})

it('takes what is not wanted for delivered', async () => {
  const { deliveries } = deliveriesTo(failing('never'))
  const { event } = leased()
  expect(await deliveries.deliver({ event: { ...event, seq: 0 }, attempts: 0, leasedUntil: 0 }, NO_STOP)).toBeNull()
})
