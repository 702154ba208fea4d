import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { OpenSubscriptions } from '../../src/subscriptions/open-subscriptions.ts'
import type { Subscriber } from '../../src/subscriptions/subscription.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

const subscriber = (tokenHash: string | null, signal = new AbortController().signal): Subscriber => ({
  address: bob,
  tokenHash,
  signal,
  acknowledged: () => 0
})

describe('open subscriptions', () => {
  it('are counted by their kind and their user until they are removed', () => {
    const subscriptions = new OpenSubscriptions()
    const remove = subscriptions.add('updates', subscriber(null), () => undefined)
    subscriptions.add('positions', subscriber(null), () => undefined)
    expect(['updates', 'connectivity', 'positions'].map(kind => subscriptions.size(kind as 'updates'))).toEqual([
      1, 0, 1
    ])
    expect([subscriptions.sizeOf(bob), subscriptions.sizeOf(alice)]).toEqual([2, 0])
    remove()
    remove()
    expect([subscriptions.size('updates'), subscriptions.sizeOf(bob)]).toEqual([0, 1])
  })

  it('end when their signal aborts, and not after they are removed', () => {
    const subscriptions = new OpenSubscriptions()
    const [first, second] = [new AbortController(), new AbortController()]
    const ended: string[] = []
    subscriptions.add('updates', subscriber(null, first.signal), () => ended.push('first'))
    subscriptions.add('updates', subscriber(null, second.signal), () => ended.push('second'))()
    first.abort()
    second.abort()
    expect(ended).toEqual(['first'])
  })

  it('end at once when their signal has aborted before', () => {
    const ends: unknown[] = []
    new OpenSubscriptions().add('updates', subscriber(null, AbortSignal.abort()), error => ends.push(error))
    expect(ends).toEqual([null])
  })

  it('end with the session by which they live, and only with that', () => {
    const subscriptions = new OpenSubscriptions()
    const ends: unknown[] = []
    for (const tokenHash of ['01', '02', null]) {
      subscriptions.add('connectivity', subscriber(tokenHash), error => ends.push([tokenHash, error?.code]))
    }
    expect(subscriptions.sessions()).toEqual([
      { address: bob, tokenHash: '01' },
      { address: bob, tokenHash: '02' }
    ])
    subscriptions.endSessions({ kind: 'sessions-ended', address: alice, tokenHashes: ['01'] })
    subscriptions.endSessions({ kind: 'sessions-ended', address: bob, tokenHashes: ['01'] })
    expect(ends).toEqual([['01', 'unauthorized']])
  })

  it('all end when the service stops', () => {
    const subscriptions = new OpenSubscriptions()
    const ends: unknown[] = []
    for (const kind of ['updates', 'connectivity', 'positions'] as const) {
      subscriptions.add(kind, subscriber(null), error => ends.push(error))
    }
    subscriptions.close()
    expect(ends).toEqual([null, null, null])
  })
})
