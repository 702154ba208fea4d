import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { NO_PAIR, type Pair } from '../../src/domain/friendship.ts'
import { FriendIndex, type FriendWatcher } from '../../src/presence/friend-index.ts'
import { LocalBus } from '../env/local-bus.ts'

const [alice, bob, carol] = ['a', 'b', 'c'].map(digit => `0x${digit.repeat(40)}` as Address) as [
  Address,
  Address,
  Address
]

/** An index in which Bob is the friend of everybody, and everybody's who accepts. */
function start() {
  const bus = new LocalBus(error => {
    throw error
  })
  const reads: Address[][] = []
  const index = new FriendIndex({
    lists: { friends: async () => ({ items: [bob], total: 1 }) },
    friendships: {
      read: async (...users): Promise<Pair> => {
        reads.push(users)
        return { ...NO_PAIR, version: 1, lastAction: 'accept' }
      }
    },
    bus,
    readTimeoutMs: 0,
    maxFriends: 1
  })
  const accept = async (): Promise<void> => {
    const pair = { actor: carol, target: alice, previousActor: alice }
    bus.publish({ ...pair, kind: 'pair', seq: 1, action: 'accept', previous: 'requested', message: null, at: 0 })
    await new Promise(resolve => setImmediate(resolve))
  }
  return { bus, index, reads, accept }
}

/** A watcher that writes down what it is called with. */
function watcher(): FriendWatcher & { readonly changes: unknown[] } {
  const changes: unknown[] = []
  return { changes, friendshipChanged: (...change) => changes.push(change) }
}

describe('a friend index', () => {
  it('has nothing left of ten thousand watchers that were removed', async () => {
    const { bus, index, reads, accept } = start()
    for (let cycle = 0; cycle < 10_000; cycle += 1) {
      const watched = index.open(alice, watcher())
      const read = watched.read()
      if (cycle % 2 === 0) watched.remove()
      await read
      expect(index.watchersOf(bob).size).toBe(cycle % 2)
      expect(bus.followed.get(alice).size).toBe(cycle % 2)
      watched.remove()
    }
    expect(index.watchersOf(bob).size).toBe(0)
    await accept()
    expect(reads).toEqual([])
  })

  it('reads a pair once for all watchers whom a new friendship concerns', async () => {
    const { index, reads, accept } = start()
    const watchers = [watcher(), watcher(), watcher()]
    await Promise.all(watchers.map(watcher => index.open(alice, watcher).read()))
    await accept()
    expect(reads).toEqual([[carol, alice]])
    expect(watchers.map(({ changes }) => changes)).toEqual(Array.from({ length: 3 }, () => [[carol, true]]))
    expect([...index.watchersOf(carol)]).toEqual(watchers)
  })
})
