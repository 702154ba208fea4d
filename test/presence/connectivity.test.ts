import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { FRIENDS, type Operation, subscriber, World } from './connectivity-world.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const [bob, carol] = FRIENDS as [Address, Address]

/** Does one operation after the other, each to its end as far as nothing else is waited for. */
async function play(
  operations: readonly Operation[],
  settings?: ConstructorParameters<typeof World>[0]
): Promise<World> {
  const world = new World(settings)
  for (const operation of operations) await world.do(operation)
  return world
}

const who = fc.constantFrom(...FRIENDS)
const place = fc.nat({ max: 5 })
const READS = [
  fc.record({ kind: fc.constant('look' as const), place }),
  fc.record({ kind: fc.constant('answer' as const), place })
]
const OPERATIONS = [
  fc.record({ kind: fc.constant('open' as const) }),
  fc.record({ kind: fc.constant('close' as const), place }),
  fc.record({ kind: fc.constant('befriend' as const), who }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'block' as const), who }),
  fc.record({ kind: fc.constant('deliver' as const) }),
  fc.record({ kind: fc.constantFrom('connect' as const, 'disconnect' as const), who }),
  fc.record({ kind: fc.constant('grace' as const) })
]
const FAILURE = fc.record({ kind: fc.constant('fail' as const), place })

describe('whatever happens in whatever order while friends are read', () => {
  it('a stream ends up with the truth, and never says that somebody is online who was no friend since it was opened', async () => {
    const operations = fc.array(fc.oneof(...OPERATIONS, ...OPERATIONS, ...READS), { maxLength: 60, size: 'max' })
    const property = fc.asyncProperty(operations, async operations => {
      const world = await play(operations)
      await world.settle()
      expect(world.lies).toEqual([])
      for (const device of world.devices) expect(device.online()).toEqual(world.friendsOnline())
      world.end()
    })
    await fc.assert(property, { numRuns: 1000 })
  })

  it('a stream ends up with the truth, also when it cannot be looked who is a friend', async () => {
    const operations = fc.array(fc.oneof(...OPERATIONS, ...READS, FAILURE), { maxLength: 60, size: 'max' })
    const property = fc.asyncProperty(operations, async operations => {
      const world = await play(operations)
      await world.settle()
      for (const device of world.devices) expect(device.online()).toEqual(world.friendsOnline())
      world.end()
    })
    await fc.assert(property, { numRuns: 500 })
  })
})

describe('a stream', () => {
  const settled = async (...operations: Operation[]): Promise<World> => {
    const world = await play(operations)
    await world.settle()
    return world
  }

  it('begins with the friends that are online', async () => {
    const world = await settled(
      { kind: 'befriend', who: bob },
      { kind: 'befriend', who: carol },
      { kind: 'connect', who: bob },
      { kind: 'deliver' },
      { kind: 'open' }
    )
    expect(world.devices[0]?.received).toEqual([`${bob} online`])
  })

  it('brings the state of a new friend, whichever it is', async () => {
    const world = await settled({ kind: 'open' })
    const [device] = world.devices
    await world.do({ kind: 'befriend', who: bob })
    await world.settle()
    expect(device?.received).toEqual([`${bob} offline`])
    await world.do({ kind: 'connect', who: carol })
    await world.do({ kind: 'befriend', who: carol })
    await world.settle()
    expect(device?.received).toEqual([`${bob} offline`, `${carol} online`])
  })

  it.each(['delete', 'block'] as const)('says that a friend is offline after a %s', async kind => {
    const world = await settled(
      { kind: 'befriend', who: bob },
      { kind: 'connect', who: bob },
      { kind: 'open' },
      { kind: 'deliver' }
    )
    await world.do({ kind, who: bob })
    await world.settle()
    await world.do({ kind: 'disconnect', who: bob })
    await world.do({ kind: 'grace' })
    expect(world.devices[0]?.received).toEqual([`${bob} online`, `${bob} offline`])
  })

  it('does not bring a friendship that was over before it was opened, though its events come later', async () => {
    const world = await settled(
      { kind: 'connect', who: bob },
      { kind: 'befriend', who: bob },
      { kind: 'block', who: bob },
      { kind: 'open' },
      { kind: 'answer', place: 0 },
      { kind: 'deliver' }
    )
    expect(world.devices[0]?.received).toEqual([])
  })

  it('fails when the friends cannot be read, and leaves nothing behind', async () => {
    const world = await play([{ kind: 'open' }, { kind: 'fail', place: 0 }])
    expect(world.devices).toEqual([])
    expect(world.failures).toHaveLength(1)
    expect(world.size).toBe(0)
  })

  it('goes on with the last of each friend when it is not read and too much waits', async () => {
    const world = await play(
      [
        { kind: 'befriend', who: bob },
        { kind: 'befriend', who: carol },
        { kind: 'open' },
        { kind: 'answer', place: 0 },
        { kind: 'deliver' },
        { kind: 'deliver' }
      ],
      { queueSize: 10, isRead: false }
    )
    await world.do({ kind: 'connect', who: carol })
    for (let round = 0; round < 20; round += 1) {
      await world.do({ kind: 'connect', who: bob })
      await world.do({ kind: 'disconnect', who: bob })
      await world.do({ kind: 'grace' })
    }
    await world.do({ kind: 'connect', who: bob })
    const [device] = world.devices
    expect(device?.updates.waiting.length).toBeLessThanOrEqual(10 + FRIENDS.length)
    const last = new Map(device?.updates.waiting.map(({ friend, online }) => [friend, online]))
    expect(last).toEqual(
      new Map([
        [carol, true],
        [bob, true]
      ])
    )
    expect(world.size).toBe(1)
  })

  describe('that takes the place of an older one', () => {
    it('begins with what was not acknowledged there, goes on with the friends that it watches, and tells nobody anew', async () => {
      const world = await play(
        [
          { kind: 'befriend', who: bob },
          { kind: 'befriend', who: carol },
          { kind: 'connect', who: bob }
        ],
        { isRead: false }
      )
      let acknowledged = 0
      const [first, second] = [new AbortController(), new AbortController()]
      const opening = world.connectivity.open({ ...subscriber(first.signal), acknowledged: () => acknowledged })
      await world.do({ kind: 'answer', place: 0 })
      const older = await opening
      await world.do({ kind: 'connect', who: carol })
      expect((await older.next()).value).toEqual({ friend: bob, online: true })
      expect((await older.next()).value).toEqual({ friend: carol, online: true })
      acknowledged = 1
      await world.do({ kind: 'disconnect', who: bob })
      await world.do({ kind: 'grace' })
      const newer = await world.connectivity.open(subscriber(second.signal), older)
      first.abort()
      expect(await older.next()).toEqual({ done: true, value: undefined })
      expect(newer.waiting).toEqual([
        { friend: carol, online: true },
        { friend: bob, online: false }
      ])
      await world.do({ kind: 'connect', who: bob })
      expect(newer.waiting.at(-1)).toEqual({ friend: bob, online: true })
      expect(world.size).toBe(1)
      second.abort()
      expect(world.size).toBe(0)
      // One that has ended hands over nothing.
      const anew = world.connectivity.open(subscriber(new AbortController().signal), newer)
      await world.do({ kind: 'answer', place: 0 })
      expect((await anew).waiting).toHaveLength(2)
      await world.settle()
      world.end()
    })
  })

  it('leaves nothing behind, however it ends', async () => {
    const world = await settled({ kind: 'befriend', who: bob })
    for (let cycle = 0; cycle < 10_000; cycle += 1) {
      const abort = new AbortController()
      const opening = world.connectivity.open(subscriber(abort.signal))
      if (cycle % 2 === 0) abort.abort()
      await world.do({ kind: 'answer', place: 0 })
      const updates = await opening
      if (cycle % 2 === 1) await updates.return()
      expect(await updates.next()).toEqual({ done: true, value: undefined })
    }
    expect(world.size).toBe(0)
    world.end()
  })
})
