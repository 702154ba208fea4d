import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChannelMessage } from '../../src/cluster/channel.ts'
import { MAX_MESSAGE_LENGTH } from '../../src/cluster/channel.ts'
import type { Address } from '../../src/domain/address.ts'
import { Locations } from '../../src/presence/locations.ts'
import { Instance, userOf, Wire, Wires } from './presence-world.ts'

const LIFETIME_MS = 120_000
const [alice, bob] = [userOf(1), userOf(2)]
const genesis = { realm: 'main', x: '10', y: '-20' }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

/** An instance that also knows where users are. */
class Place extends Instance {
  readonly positions: Locations
  readonly moved: number[] = []

  constructor(instance: string, wires: Wires) {
    const wire = new Wire(wires)
    super(instance, wire, wire.optionsOf(instance, { graceMs: 0 }))
    const { presence, channel } = this
    const onMessage = (): void => undefined
    this.positions = new Locations({ presence, locators: presence, channel, lifetimeMs: LIFETIME_MS, onMessage })
    this.positions.onChange(user => this.moved.push(Number(user)))
  }
}

async function start() {
  const wires = new Wires()
  const sent: ChannelMessage[] = []
  wires.filter = message => sent.push(message) > 0
  const [one, two] = [new Place('one', wires), new Place('two', wires)]
  await pass(6000)
  return { wires, sent, one, two }
}

function say(place: Place, user: Address, position = genesis): void {
  place.connect(user)
  place.positions.set(user, position)
}

describe('a position', () => {
  it('is known here at once, and within a second everywhere', async () => {
    const { one, two } = await start()
    say(one, alice)
    expect([one.positions.of(alice), two.positions.of(alice)]).toEqual([genesis, null])
    await pass(1100)
    expect(two.positions.of(alice)).toEqual(genesis)
    expect([one.moved, two.moved]).toEqual([[1], [1]])
  })

  it('does not call listeners when it is still the same', async () => {
    const { one, two } = await start()
    say(one, alice)
    await pass(30_000)
    say(one, alice)
    await pass(1100)
    expect([one.moved, two.moved]).toEqual([[1], [1]])
    say(one, alice, { ...genesis, y: '21' })
    await pass(1100)
    expect([one.moved, two.moved]).toEqual([
      [1, 1],
      [1, 1]
    ])
  })

  it('holds for its lifetime since its user last reported it, on every instance', async () => {
    const { one, two } = await start()
    say(one, alice)
    await pass(LIFETIME_MS - 1000)
    say(one, alice)
    await pass(LIFETIME_MS - 1000)
    expect([one.positions.of(alice), two.positions.of(alice)]).toEqual([genesis, genesis])
    await pass(1100)
    expect([one.positions.of(alice), two.positions.of(alice)]).toEqual([null, null])
    expect(one.presence.isOnline(alice)).toBe(true)
  })

  it('is forgotten when its user is offline, also when they come back', async () => {
    const { one, two } = await start()
    say(one, alice)
    await pass(1100)
    one.disconnect(alice)
    await pass(1000)
    one.connect(alice)
    await pass(1000)
    expect([one.positions.of(alice), two.positions.of(alice)]).toEqual([null, null])
    await pass(2000)
    expect([one.positions.of(alice), two.positions.of(alice)]).toEqual([null, null])
  })

  it('is not shown of a user who is not known to be online', async () => {
    const { two } = await start()
    two.channel.receive({ kind: 'positions', positions: [{ user: bob, ageMs: 0, position: genesis }] })
    expect(two.positions.of(bob)).toBeNull()
    two.connect(bob)
    expect(two.positions.of(bob)).toEqual(genesis)
  })

  it('changes nothing when it is older than what is known', async () => {
    const { two } = await start()
    say(two, bob)
    await pass(500)
    const position = { realm: 'before' }
    two.channel.receive({ kind: 'positions', positions: [{ user: bob, ageMs: 800, position }] })
    expect(two.positions.of(bob)).toEqual(genesis)
    two.channel.receive({ kind: 'positions', positions: [{ user: bob, ageMs: 200, position }] })
    expect(two.positions.of(bob)).toEqual(position)
  })
})

describe('the other instances', () => {
  it('get many positions in few messages, once a second', async () => {
    const { one, two, sent } = await start()
    const users = Array.from({ length: 600 }, (_, n) => userOf(1000 + n))
    for (const user of users) say(one, user)
    for (const user of users) say(one, user, { ...genesis, x: '11' })
    await pass(1100)
    expect(users.every(user => two.positions.of(user)?.x === '11')).toBe(true)
    const sizes = sent.flatMap(message => (message.kind === 'positions' ? message.positions.length : []))
    expect(sizes).toEqual([500, 100])
  })

  it('get messages that are not too long, whatever users report', async () => {
    const { one, two, sent } = await start()
    const users = Array.from({ length: 100 }, (_, n) => userOf(1000 + n))
    const nasty = '\u0001'.repeat(256)
    for (const user of users) say(one, user, { realm: nasty, x: nasty, y: nasty })
    await pass(1100)
    expect(users.every(user => two.positions.of(user)?.x === nasty)).toBe(true)
    expect(Math.max(...sent.map(message => JSON.stringify(message).length))).toBeLessThan(MAX_MESSAGE_LENGTH - 100)
  })

  it('get what users reported here, and how long ago, when they are new', async () => {
    const { wires, one, sent } = await start()
    say(one, alice)
    await pass(60_000)
    const three = new Place('three', wires)
    await pass(7000)
    expect(three.positions.of(alice)).toEqual(genesis)
    await pass(LIFETIME_MS - 66_900)
    expect(three.positions.of(alice)).toBeNull()
    // Each sends the positions of its own users.
    const messages = sent.filter(message => message.kind === 'positions' && message.positions.length > 0)
    expect(messages.length).toBeLessThanOrEqual(3)
  })
})
