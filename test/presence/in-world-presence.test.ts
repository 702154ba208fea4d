import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { InWorldPresence } from '../../src/presence/in-world-presence.ts'
import type { WorldEventKind } from '../../src/world/world-events.ts'
import { pass, userOf } from './presence-world.ts'

const [HEARTBEAT_MS, WORLD_MS, GRACE_MS] = [60_000, 3_600_000, 5_000]
/** What a timeout may take longer: silence is counted once a second. */
const TICK_MS = 1_000
const HOUR_MS = 3_600_000
const [alice, bob] = [userOf(1), userOf(2)]

let world: World
beforeEach(() => {
  vi.useFakeTimers()
  world = new World()
})
afterEach(() => {
  world.presence.close()
  vi.useRealTimers()
})

/** What one instance makes of what the peers say. */
class World {
  isConnected = true
  readonly changes: string[] = []
  full = 0
  readonly presence: InWorldPresence

  constructor(maxUsers = 10_000) {
    this.presence = new InWorldPresence({
      isConnected: () => this.isConnected,
      heartbeatTimeoutMs: HEARTBEAT_MS,
      worldTimeoutMs: WORLD_MS,
      graceMs: GRACE_MS,
      onFull: () => {
        this.full += 1
      },
      maxUsers
    })
    this.presence.onChange((user, online) => this.changes.push(`${Number(user)} ${online ? 'online' : 'offline'}`))
  }

  hear(kind: WorldEventKind, ...users: Address[]): void {
    for (const user of users) this.presence.apply({ kind, user })
  }

  async beatFor(ms: number, ...users: Address[]): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1000) {
      this.hear('heartbeat', ...users)
      await pass(1000)
    }
  }
}

describe('a user who sends heartbeats', () => {
  it('is online as long as they come, and gone when they were due for the timeout', async () => {
    await world.beatFor(5 * HEARTBEAT_MS, alice)
    expect(world.changes).toEqual(['1 online'])
    await pass(HEARTBEAT_MS - 1000)
    expect(world.changes).toEqual(['1 online'])
    await pass(2 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
    world.hear('heartbeat', alice)
    expect(world.presence.isOnline(alice)).toBe(true)
  })

  it.each(['connect', 'disconnect'] as const)('is gone a grace after a %s', async kind => {
    world.hear('heartbeat', alice)
    world.hear(kind, alice)
    await pass(GRACE_MS - 1)
    expect(world.changes).toEqual(['1 online'])
    await pass(2 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
  })

  it('was never gone when the old connection is closed after the new one beats', async () => {
    world.hear('heartbeat', alice)
    world.hear('disconnect', alice)
    await world.beatFor(20_000, alice)
    expect(world.changes).toEqual(['1 online'])
  })

  it('does not come by a connect or a disconnect', async () => {
    world.hear('connect', alice)
    world.hear('disconnect', bob)
    world.hear('world.leave', bob)
    await pass(HOUR_MS)
    expect(world.changes).toEqual([])
  })
})

describe('a user in a world of their own', () => {
  it('is online without heartbeats, until they leave', async () => {
    world.hear('world.join', alice)
    await pass(WORLD_MS / 2)
    expect(world.changes).toEqual(['1 online'])
    world.hear('world.leave', alice)
    await pass(GRACE_MS + 2 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
  })

  it.each([
    [['disconnect', 'world.join']],
    [['world.join', 'disconnect']],
    [['world.join', 'heartbeat', 'disconnect']]
  ] as const)('was never gone on the way there, in whatever order it is told: %j', async events => {
    world.hear('heartbeat', alice)
    for (const event of events) world.hear(event, alice)
    await pass(2 * HEARTBEAT_MS)
    expect(world.changes).toEqual(['1 online'])
  })

  it('is not there any more, should their leave be lost, when they walk about elsewhere', async () => {
    world.hear('world.join', alice)
    await pass(HEARTBEAT_MS)
    await world.beatFor(10_000, alice)
    world.hear('disconnect', alice)
    await pass(GRACE_MS + 2 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
  })

  it('is gone after the longest time there, should their leave be lost', async () => {
    world.hear('world.join', alice)
    await pass(WORLD_MS - 1000)
    expect(world.changes).toEqual(['1 online'])
    await pass(3 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
  })
})

describe('while the peers cannot be heard', () => {
  it('nobody is gone, and afterwards everybody has all the time to beat again', async () => {
    world.hear('heartbeat', alice, bob)
    await pass(HEARTBEAT_MS - 2000)
    world.isConnected = false
    await pass(HOUR_MS / 2)
    expect(world.changes).toEqual(['1 online', '2 online'])
    world.isConnected = true
    world.presence.recover()
    await pass(HEARTBEAT_MS - 2000)
    world.hear('heartbeat', alice)
    expect(world.changes).toEqual(['1 online', '2 online'])
    await pass(4 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '2 online', '2 offline'])
  })

  it('everybody is gone after an hour of it', async () => {
    world.hear('heartbeat', alice)
    world.isConnected = false
    await pass(HOUR_MS)
    expect(world.changes).toEqual(['1 online'])
    await pass(HEARTBEAT_MS + 3 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '1 offline'])
  })
})

describe('what another instance knows of worlds', () => {
  const carol = userOf(3)
  const MINUTE_MS = 60_000

  it('is taken over by one that starts, but for what it heard itself', async () => {
    world.presence.recover()
    world.hear('world.join', alice)
    world.hear('world.leave', bob)
    world.presence.takeOver({ users: [bob, carol], heardForMs: HOUR_MS })
    expect(world.changes).toEqual(['1 online', '3 online'])
    await pass(2 * HEARTBEAT_MS)
    expect(world.presence.inWorlds.users).toEqual([alice, carol])
  })

  it('tells one that did not hear the peers who left meanwhile', async () => {
    world.hear('world.join', alice, bob)
    world.isConnected = false
    await pass(MINUTE_MS)
    world.isConnected = true
    world.presence.recover()
    world.hear('world.join', carol)
    world.presence.takeOver({ users: [bob], heardForMs: HOUR_MS })
    await pass(GRACE_MS + 2 * TICK_MS)
    expect(world.changes).toEqual(['1 online', '2 online', '3 online', '1 offline'])
  })

  it('makes nobody leave when that instance did not hear the peers either, or is not there', async () => {
    for (const known of [{ users: [], heardForMs: MINUTE_MS / 2 }, null]) {
      world.hear('world.join', alice)
      world.isConnected = false
      await pass(MINUTE_MS)
      world.isConnected = true
      world.presence.recover()
      world.presence.takeOver(known)
      await pass(2 * HEARTBEAT_MS)
    }
    expect(world.changes).toEqual(['1 online'])
  })

  it('is given with the time for which this one has heard the peers', async () => {
    world.presence.recover()
    world.hear('world.join', alice)
    world.hear('heartbeat', bob)
    await pass(MINUTE_MS)
    expect(world.presence.inWorlds).toEqual({ users: [alice], heardForMs: MINUTE_MS })
  })
})

describe('a crowd', () => {
  it('goes in parts, each of which lets others have their turn', async () => {
    const crowd = Array.from({ length: 1000 }, (_, number) => userOf(number + 1))
    world.hear('heartbeat', ...crowd)
    expect(world.presence.size).toBe(1000)
    let [batch, most] = [0, 0]
    world.presence.onChange(() => {
      batch += 1
      most = Math.max(most, batch)
      queueMicrotask(() => {
        batch = 0
      })
    })
    await pass(HEARTBEAT_MS + 3 * TICK_MS)
    expect(world.changes).toHaveLength(2000)
    expect(world.presence.size).toBe(0)
    expect(most).toBeLessThanOrEqual(200)
  })

  it('has room for so many, who can stay; others are counted, and come when there is room', async () => {
    world.presence.close()
    world = new World(2)
    const carol = userOf(3)
    world.hear('heartbeat', alice, bob, carol)
    world.hear('world.join', carol)
    expect(world.full).toBe(2)
    world.hear('heartbeat', alice)
    expect([world.presence.size, world.full, world.presence.isOnline(carol)]).toEqual([2, 2, false])
    world.hear('disconnect', alice)
    await pass(GRACE_MS + 2 * TICK_MS)
    world.hear('heartbeat', carol)
    expect(world.changes).toEqual(['1 online', '2 online', '1 offline', '3 online'])
  })
})
