import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { Hub } from '../../src/updates/hub.ts'
import { LocalBus } from '../env/local-bus.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

function start(queueSize = 10) {
  const bus = new LocalBus(error => {
    throw error
  })
  return { bus, subscriptions: new Hub(bus, queueSize) }
}

const request = (seq: number): PairEvent => ({
  kind: 'pair',
  seq,
  actor: alice,
  target: bob,
  action: 'request',
  previous: 'none',
  previousActor: null,
  message: null,
  at: seq
})

async function take(updates: AsyncIterable<PairEvent>, count: number): Promise<number[]> {
  const seen: number[] = []
  for await (const { seq } of updates) {
    seen.push(seq)
    if (seen.length === count) break
  }
  return seen
}

describe('subscriptions', () => {
  it('tell every device of the target, and nobody else', async () => {
    const { bus, subscriptions } = start()
    const { signal } = new AbortController()
    const devices = [1, 2].map(() => subscriptions.open({ address: bob, tokenHash: null, signal }))
    const others = subscriptions.open({ address: alice, tokenHash: null, signal })
    bus.publish(request(1))
    bus.publish(request(2))
    subscriptions.close()
    expect(await Promise.all([...devices, others].map(device => take(device, 9)))).toEqual([[1, 2], [1, 2], []])
  })

  it('leave nothing behind, however they end', async () => {
    const { bus, subscriptions } = start()
    for (let cycle = 0; cycle < 10_000; cycle += 1) {
      const abort = new AbortController()
      const updates = subscriptions.open({ address: bob, tokenHash: null, signal: abort.signal })
      if (cycle % 2 === 0) {
        abort.abort()
      } else {
        bus.publish(request(cycle))
        await take(updates, 1)
      }
    }
    expect([subscriptions.size, subscriptions.sizeOf(bob)]).toEqual([0, 0])
  })

  it('are over at once when their call was over before', async () => {
    const { subscriptions } = start()
    const updates = subscriptions.open({ address: bob, tokenHash: null, signal: AbortSignal.abort() })
    expect(await take(updates, 1)).toEqual([])
    expect(subscriptions.size).toBe(0)
  })

  it('end with the session that they live by, and only with that', async () => {
    const { bus, subscriptions } = start()
    const { signal } = new AbortController()
    const [ended, kept] = ['01', '02'].map(tokenHash => subscriptions.open({ address: bob, tokenHash, signal }))
    bus.publish({ kind: 'sessions-ended', address: bob, tokenHashes: ['01'] })
    bus.publish(request(1))
    await expect(take(ended!, 1)).rejects.toThrow('The session has ended')
    expect(await take(kept!, 1)).toEqual([1])
  })

  it('end a consumer that falls too far behind, and no other', async () => {
    const { bus, subscriptions } = start(3)
    const { signal } = new AbortController()
    const slow = subscriptions.open({ address: bob, tokenHash: null, signal })
    const fast = subscriptions.open({ address: bob, tokenHash: null, signal })
    const seen = take(fast, 5)
    for (let seq = 1; seq <= 5; seq += 1) {
      bus.publish(request(seq))
      await Promise.resolve()
    }
    await expect(take(slow, 5)).rejects.toThrow('Too many updates')
    expect(await seen).toEqual([1, 2, 3, 4, 5])
  })
})
