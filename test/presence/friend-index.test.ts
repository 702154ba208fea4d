import { expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { NO_PAIR } from '../../src/domain/friendship.ts'
import { FriendIndex } from '../../src/presence/friend-index.ts'
import { LocalBus } from '../env/local-bus.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

it('ten thousand circles that are closed leave nothing behind', async () => {
  const bus = new LocalBus(error => {
    throw error
  })
  const parts = {
    lists: { friends: async () => ({ items: [bob], total: 1 }) },
    friendships: { read: async () => NO_PAIR },
    bus,
    maxFriends: 1
  }
  const circles = new FriendIndex<null>(parts, () => {})
  for (let cycle = 0; cycle < 10_000; cycle += 1) {
    const circle = circles.open(alice, null)
    const filling = circle.fill()
    if (cycle % 2 === 0) circle.close()
    await filling
    expect(circles.watchersOf(bob).size).toBe(cycle % 2)
    circle.close()
  }
  expect([circles.of(alice).size, circles.watchersOf(bob).size, circles.all()]).toEqual([0, 0, []])
})
