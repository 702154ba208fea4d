import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BEAT_MS, GRACE_MS, pass, start, userOf } from './presence-world.ts'

const [alice, bob] = [userOf(1), userOf(2)]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('while the channel is away', () => {
  it('nobody is taken for offline, and afterwards everybody has all the time again', async () => {
    const { instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    await pass(BEAT_MS + 500)
    one.channel.cut()
    await pass(2 * BEAT_MS)
    two.channel.cut()
    await pass(60_000)
    expect(two.changes).toEqual(['1 online'])
    two.channel.restore()
    await pass(3 * BEAT_MS - 500)
    expect(two.changes).toEqual(['1 online'])
    one.channel.restore()
    await pass(60_000)
    expect(two.changes).toEqual(['1 online'])
  })

  it('an instance that crashed meanwhile takes its users with it afterwards', async () => {
    const { instances } = start('one', 'two')
    const [one, two] = instances
    one.connect(alice)
    await pass(BEAT_MS + 500)
    two.channel.cut()
    await one.crash()
    await pass(60_000)
    two.channel.restore()
    await pass(5 * BEAT_MS)
    expect(two.changes).toEqual(['1 online', '1 offline'])
  })

  it('a user who changes over to another instance stays online, and one who leaves is offline afterwards', async () => {
    const { instances } = start('one', 'two', 'three')
    const [one, two, three] = instances
    one.connect(alice)
    two.connect(bob)
    await pass(2 * BEAT_MS + 500)
    for (const { channel } of instances) channel.cut()
    one.disconnect(alice)
    two.disconnect(bob)
    two.connect(alice)
    await pass(3 * GRACE_MS)
    for (const { channel } of instances) {
      channel.restore()
      await pass(700)
    }
    await pass(5 * BEAT_MS)
    const expected = ['1 online', '2 online', '2 offline']
    expect([one.changes.slice().sort(), two.changes.slice().sort(), three.changes.slice().sort()]).toEqual([
      expected.slice().sort(),
      expected.slice().sort(),
      expected.slice().sort()
    ])
  })

  it('a user who changes over stays online, whichever instance is back first', async () => {
    const { instances } = start('one', 'two', 'three')
    const [one, two, three] = instances
    one.connect(alice)
    await pass(2 * BEAT_MS + 500)
    for (const { channel } of instances) channel.cut()
    one.disconnect(alice)
    three.connect(alice)
    await pass(GRACE_MS - 2000)
    one.channel.restore()
    two.channel.restore()
    await pass(4000)
    three.channel.restore()
    await pass(60_000)
    expect([one.changes, two.changes, three.changes]).toEqual([['1 online'], ['1 online'], ['1 online']])
  })

  it('a user who leaves is offline in the end, however long it lasts', async () => {
    const { instances } = start('one')
    const [one] = instances
    one.connect(alice)
    one.channel.cut()
    one.disconnect(alice)
    await pass(2 * GRACE_MS)
    expect(one.changes).toEqual(['1 online'])
    await pass(60_000)
    expect(one.changes).toEqual(['1 online', '1 offline'])
  })
})
