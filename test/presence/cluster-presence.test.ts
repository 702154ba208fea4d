import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChannelMessage } from '../../src/cluster/channel.ts'
import { BEAT_MS, GRACE_MS, join, pass, start, userOf } from './presence-world.ts'

const [alice, bob, carol] = [userOf(1), userOf(2), userOf(3)]
const crowd = Array.from({ length: 1234 }, (_, number) => userOf(1000 + number))

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** So long it takes at most until others know, when nothing is lost. */
const PROPAGATION_MS = 1000

/** What an instance says, where only a part of it matters. */
const NOTHING = { after: 0, heard: 0, came: [], online: [], offline: [], unwatch: [], watch: [], locate: [] }

describe('with several instances', () => {
  it('a user is online everywhere from the first connection until the grace after the last one, wherever it is', async () => {
    const { instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    await pass(BEAT_MS + 500)
    expect(two.changes).toEqual(['1 online'])
    two.connect(alice)
    one.disconnect(alice)
    await pass(10 * GRACE_MS)
    two.disconnect(alice)
    await pass(GRACE_MS - 1)
    expect([one.changes, two.changes]).toEqual([['1 online'], ['1 online']])
    await pass(PROPAGATION_MS)
    expect([one.changes, two.changes]).toEqual([
      ['1 online', '1 offline'],
      ['1 online', '1 offline']
    ])
    expect([one.seen, two.seen]).toEqual([0, 0])
  })

  it('a change is announced soon, and many at a time in few messages', async () => {
    const { wires, instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    await pass(BEAT_MS + 500)
    const sent: ChannelMessage[] = []
    wires.filter = message => sent.push(message) > 0
    one.connect(...crowd)
    await pass(PROPAGATION_MS)
    expect(two.sees(crowd)).toEqual(crowd)
    // Each is announced, watched by the other one, and that is answered.
    expect(sent.filter(({ kind }) => kind === 'presence-change').length).toBeLessThan(crowd.length / 10)
  })

  it('an instance that is new learns who is there, however many', async () => {
    const { wires, instances } = start('one')
    const [one] = instances
    one.connect(...crowd)
    const two = join('two', wires)
    two.connect(alice)
    await pass(BEAT_MS + 500)
    expect(two.sees(crowd)).toEqual(crowd)
    expect(one.presence.isOnline(alice)).toBe(true)
    expect([one.presence.instances, two.presence.instances]).toEqual([2, 2])
    expect(two.seen).toBe(crowd.length + 1)
  })

  it('a new instance learns who is there at once when its channel says that it may have missed something', async () => {
    const { wires, instances } = start('one')
    instances[0].connect(alice)
    await pass(PROPAGATION_MS)
    const two = join('two', wires, { isCut: true })
    two.channel.restore()
    await pass(300)
    expect(two.changes).toEqual(['1 online'])
  })
})

describe('an instance that ends', () => {
  it('leaves its users the grace to come back elsewhere, and nobody notices, when it ends in good order', async () => {
    const { instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice, bob)
    await pass(BEAT_MS + 500)
    await one.stop()
    expect(two.presence.instances).toBe(2)
    await pass(GRACE_MS - 10)
    expect(two.presence.instances).toBe(1)
    two.connect(alice)
    await pass(PROPAGATION_MS)
    expect(two.changes).toEqual(['1 online', '2 online', '2 offline'])
    await pass(10 * GRACE_MS)
    expect(two.changes).toEqual(['1 online', '2 online', '2 offline'])
  })

  it('takes its users with it after three silent beats when it crashes, but for those who came back elsewhere', async () => {
    const { instances } = start('one', 'two', 'three')
    const [one, two, three] = instances
    one.connect(alice, bob)
    await pass(2 * BEAT_MS + 500)
    await one.crash()
    two.connect(alice)
    await pass(3 * BEAT_MS - 500)
    expect(two.sees([alice, bob])).toEqual([alice, bob])
    await pass(BEAT_MS + PROPAGATION_MS)
    expect(two.changes).toEqual(['1 online', '2 online', '2 offline'])
    expect(three.changes).toEqual(['1 online', '2 online', '2 offline'])
    expect(two.presence.instances).toBe(2)
  })
})

it('many users who are gone at once do not hold up everything else', async () => {
  const { instances } = start('one', 'two')
  const [one, two] = instances
  one.connect(...crowd)
  await pass(BEAT_MS + 500)
  await one.crash()
  let mostAtOnce = 0
  while (two.seen > 0) {
    const before = two.seen
    await vi.advanceTimersToNextTimerAsync()
    mostAtOnce = Math.max(mostAtOnce, before - two.seen)
  }
  expect(mostAtOnce).toBeLessThanOrEqual(200)
})

it('an instance beyond the thousandth is not followed', async () => {
  const { instances } = start('one')
  const [one] = instances
  for (let n = 0; n < 2000; n += 1) {
    const [instance, came] = [`invented ${n}`, [userOf(n)]]
    one.channel.receive({ kind: 'presence-beat', instance, users: 1, entered: 0 })
    one.channel.receive({ ...NOTHING, kind: 'presence-change', instance, version: 1, came })
  }
  const users = Array.from({ length: 2000 }, (_, n) => userOf(n))
  expect([one.presence.instances, one.sees(users).length, one.presence.size]).toEqual([1001, 1000, 1000])
})

describe('when messages are lost', () => {
  it('the next message shows it, and a snapshot is requested', async () => {
    const { wires, instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    await pass(BEAT_MS + 500)
    wires.filter = () => false
    one.connect(bob)
    one.disconnect(alice)
    await pass(PROPAGATION_MS)
    wires.filter = () => true
    one.connect(carol)
    await pass(300)
    expect(two.changes).toEqual(['1 online', '2 online', '3 online'])
    await pass(GRACE_MS + PROPAGATION_MS)
    expect(two.changes).toEqual(['1 online', '2 online', '3 online', '1 offline'])
  })

  it('the next beat shows it when nothing else follows', async () => {
    const { wires, instances } = start('one', 'two')
    const [one, two] = instances
    await pass(BEAT_MS + 500)
    wires.filter = () => false
    one.connect(bob)
    await pass(PROPAGATION_MS)
    wires.filter = () => true
    await pass(BEAT_MS + 300)
    expect(two.changes).toEqual(['2 online'])
  })

  it('a snapshot of which a part is missing is requested again', async () => {
    const { wires, instances } = start('one', 'two')
    const [one, two] = instances
    let lost = 0
    wires.filter = message => {
      if (message.kind === 'presence-change') return false
      const isSecondPart = message.kind === 'presence-snapshot' && message.part === 1
      return !isSecondPart || ++lost > 1
    }
    one.connect(...crowd)
    await pass(3 * BEAT_MS)
    expect(lost).toBeGreaterThanOrEqual(2)
    expect(two.sees(crowd)).toEqual(crowd)
  })

  it('parts of different snapshots do not make one', async () => {
    const { instances } = start('one', 'two')
    const [, two] = instances
    const receive = (version: number, ...order: number[]): void => {
      for (const part of order) {
        const of = { instance: 'other', version, part, parts: 3, watch: [], locate: [] }
        two.channel.receive({ ...of, kind: 'presence-snapshot', online: [userOf(part + 1)] })
      }
    }
    receive(1, 0, 1, 2)
    receive(2, 0, 2, 2)
    receive(3, 0, 1)
    receive(4, 2)
    expect(two.sees([1, 2, 3].map(userOf))).toHaveLength(3)
    await pass(2 * BEAT_MS + PROPAGATION_MS)
    expect(two.presence.isOnline(userOf(2))).toBe(true)
  })

  it('a message that comes after what followed it changes nothing', async () => {
    const { wires, instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    const seen: ChannelMessage[] = []
    wires.filter = message => seen.push(message) > 0
    await pass(BEAT_MS + 500)
    one.connect(bob)
    await pass(PROPAGATION_MS)
    one.disconnect(alice)
    await pass(GRACE_MS + PROPAGATION_MS)
    const late = seen.filter(({ kind }) => kind === 'presence-change' || kind === 'presence-snapshot')
    const before = [...two.changes]
    seen.length = 0
    for (const message of late) if ('instance' in message && message.instance === 'one') two.channel.receive(message)
    await pass(3 * BEAT_MS)
    expect(two.changes).toEqual(before)
    expect(seen.filter(({ kind }) => kind !== 'presence-beat' && kind !== 'presence-version')).toEqual([])
  })
})

it('a closed instance says nothing more, and leaves no timer', async () => {
  const { instances } = start('one', 'two')
  const [one, two] = instances
  one.connect(...crowd)
  await pass(BEAT_MS + 500)
  one.disconnect(...crowd)
  await one.stop()
  await two.stop()
  const count = two.changes.length
  expect(vi.getTimerCount()).toBeLessThanOrEqual(10) // messages that are on their way
  await pass(60_000)
  expect(two.changes).toHaveLength(count)
  expect(vi.getTimerCount()).toBe(0)
})
