import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { OpenSubscriptions } from '../../src/subscriptions/open-subscriptions.ts'
import type { Subscriber } from '../../src/subscriptions/subscription.ts'
import { Hub } from '../../src/updates/hub.ts'
import { LocalBus } from '../env/local-bus.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

function start(queueSize = 10) {
  const bus = new LocalBus(error => {
    throw error
  })
  const subscriptions = new OpenSubscriptions()
  return { bus, subscriptions, hub: new Hub({ bus, subscriptions, queueSize }) }
}

const subscriber = (address: Address, signal = new AbortController().signal): Subscriber => ({
  address,
  tokenHash: null,
  signal,
  acknowledged: () => 0
})

const none = (): readonly PairEvent[] => []

const request = (seq: number, message: string | null = null): PairEvent => ({
  kind: 'pair',
  seq,
  actor: alice,
  target: bob,
  action: 'request',
  previous: 'none',
  previousActor: null,
  message,
  at: seq
})

async function take(events: AsyncIterable<PairEvent>, count: number): Promise<number[]> {
  const seqs: number[] = []
  for await (const { seq } of events) {
    seqs.push(seq)
    if (seqs.length === count) break
  }
  return seqs
}

describe('a hub', () => {
  it('hands an event to every device of the target, and nobody else', async () => {
    const { bus, subscriptions, hub } = start()
    const devices = [1, 2].map(() => hub.open(subscriber(bob), none))
    const others = hub.open(subscriber(alice), none)
    expect([bob, alice].map(user => bus.followed.get(user).size)).toEqual([2, 1])
    bus.publish(request(1))
    bus.publish(request(2))
    subscriptions.close()
    expect(await Promise.all([...devices, others].map(device => take(device, 9)))).toEqual([[1, 2], [1, 2], []])
  })

  it('has nothing left of ten thousand streams, however they ended', async () => {
    const { bus, subscriptions, hub } = start()
    for (let cycle = 0; cycle < 10_000; cycle += 1) {
      const abort = new AbortController()
      const events = hub.open(subscriber(bob, abort.signal), none)
      if (cycle % 2 === 0) {
        abort.abort()
      } else {
        bus.publish(request(cycle))
        await take(events, 1)
      }
    }
    expect([subscriptions.size('updates'), subscriptions.sizeOf(bob)]).toEqual([0, 0])
    expect(bus.followed.values()).toEqual([])
  })

  it('says what waited for a consumer that falls too far behind, and goes on; others get everything', async () => {
    const { bus, subscriptions, hub } = start(3)
    const dropped: number[][] = []
    const slow = hub.open(subscriber(bob), events => {
      dropped.push(events.map(({ seq }) => seq))
      return []
    })
    const fast = take(hub.open(subscriber(bob), none), 6)
    for (let seq = 1; seq <= 6; seq += 1) {
      bus.publish(request(seq))
      await Promise.resolve()
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(dropped).toEqual([[1, 2, 3, 4]])
    subscriptions.close()
    expect(await take(slow, 9)).toEqual([5, 6])
    expect(await fast).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('counts a long message as several events: what waits is bounded in bytes too', () => {
    const { bus, hub } = start(10)
    const dropped: number[] = []
    hub.open(subscriber(bob), events => {
      dropped.push(events.length)
      return []
    })
    for (const seq of [1, 2]) bus.publish(request(seq, 'x'.repeat(2000)))
    expect(dropped).toEqual([2])
  })
})
