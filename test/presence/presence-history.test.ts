import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { GRACE_MS, type Instance, join, userOf, Wires } from './presence-world.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const USERS = [1, 2, 3, 4].map(userOf)
/** In this time everybody has heard of everything, when messages flow. */
const QUIET_MS = 100_000
/** What happened less than this ago may not be known everywhere. */
const TOLD_MS = 200
/** Who was away for less than this was never seen to be. */
const GAP_MS = GRACE_MS - 1000

/** Together they last less than the minute after which nobody waits any more for who was not seen. */
const MAX_OUTAGES = 2

const place = fc.nat({ max: 5 })
const user = fc.constantFrom(...USERS)
const STEPS = [
  fc.record({ kind: fc.constantFrom('connect' as const, 'move' as const), place, user }),
  fc.record({ kind: fc.constant('disconnect' as const), user }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
  fc.record({ kind: fc.constant('redis' as const), ms: fc.integer({ min: 1, max: 18_000 }), isEmptied: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('start' as const, 'stop' as const, 'crash' as const), place })
]
const FAULTS = [
  fc.record({ kind: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constantFrom('cut' as const, 'restore' as const), place }),
  fc.record({ kind: fc.constant('repeat' as const), delayMs: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constant('empty' as const) })
]

type Generated<Of> = Of extends fc.Arbitrary<infer Value> ? Value : never
type Step = Generated<(typeof STEPS)[number] | (typeof FAULTS)[number]>

/** A service whose instances come and go, and what each of them said that was not true. */
class World {
  readonly lies: string[] = []
  readonly instances: Instance[] = []
  readonly #wires = new Wires()
  #started = 0
  #losing = 0
  #outages = 0

  constructor() {
    this.#wires.filter = () => this.#losing-- <= 0
    this.#start()
    this.#start()
  }

  async do(step: Step): Promise<void> {
    const instance = 'place' in step ? this.instances[step.place % this.instances.length] : undefined
    switch (step.kind) {
      case 'connect':
        instance?.connect(step.user)
        break
      case 'disconnect':
        for (const each of this.instances) each.disconnect(step.user)
        break
      case 'move':
        await this.#move(step.user, instance)
        break
      case 'wait':
        await vi.advanceTimersByTimeAsync(step.ms)
        break
      case 'redis':
        if (++this.#outages > MAX_OUTAGES) break
        for (const { channel } of this.instances) channel.cut()
        if (step.isEmptied) this.#wires.empty()
        await vi.advanceTimersByTimeAsync(step.ms)
        await this.restore()
        break
      case 'start':
        if (this.instances.length < 4) this.#start()
        break
      case 'stop':
      case 'crash':
        await this.#end(step.place, step.kind)
        break
      case 'lose':
        this.#losing = step.count
        break
      case 'repeat':
        this.#wires.repeatMs = step.delayMs
        break
      case 'empty':
        this.#wires.empty()
        break
      case 'cut':
        instance?.channel.cut()
        break
      case 'restore':
        instance?.channel.restore()
    }
    await vi.advanceTimersByTimeAsync(1)
  }

  /** All channels are there again, some later than others. */
  async restore(): Promise<void> {
    for (const { channel } of this.instances) {
      channel.restore()
      await vi.advanceTimersByTimeAsync(300)
    }
  }

  /** Who has a connection anywhere. */
  connected(): Address[] {
    return USERS.filter(user => this.instances.some(({ connected }) => connected.includes(user)))
  }

  async end(): Promise<void> {
    for (const instance of this.instances) await instance.stop()
    vi.clearAllTimers()
  }

  /** Within the grace, as a client does that is told to connect anew. */
  async #move(user: Address, to: Instance | undefined): Promise<void> {
    if (!this.connected().includes(user)) return
    for (const each of this.instances) each.disconnect(user)
    await vi.advanceTimersByTimeAsync(GAP_MS / 4)
    to?.connect(user)
  }

  #start(): void {
    this.#started += 1
    const instance = join(`instance ${this.#started}`, this.#wires, { isCut: true })
    instance.channel.restore()
    instance.presence.onChange((user, online) => {
      if (online || this.instances.every(each => each.connectedFor(user) <= TOLD_MS)) return
      this.lies.push(`${Number(user)} is offline`)
    })
    this.instances.push(instance)
  }

  async #end(place: number, how: 'stop' | 'crash'): Promise<void> {
    if (this.instances.length < 2) return
    const [instance] = this.instances.splice(place % this.instances.length, 1)
    await instance?.[how]()
  }
}

async function play(steps: readonly Step[]): Promise<World> {
  const world = new World()
  for (const step of steps) await world.do(step)
  return world
}

const steps = (...kinds: fc.Arbitrary<Step>[]) => fc.array(fc.oneof(...kinds), { maxLength: 40, size: 'max' })

it('whatever instances and users do, and Redis too, nobody who is connected is said to be offline', async () => {
  const property = fc.asyncProperty(steps(...STEPS), async steps => {
    const world = await play(steps)
    await vi.advanceTimersByTimeAsync(QUIET_MS)
    expect(world.lies).toEqual([])
    await world.end()
  })
  await fc.assert(property, { numRuns: 300 })
})

it('whatever is lost besides, every instance knows the truth afterwards', async () => {
  const property = fc.asyncProperty(steps(...STEPS, ...FAULTS), async steps => {
    const world = await play([...steps, { kind: 'lose', count: 0 }, { kind: 'repeat', delayMs: 0 }])
    await world.restore()
    await vi.advanceTimersByTimeAsync(QUIET_MS)
    for (const { presence } of world.instances) expect(presence.instances).toBe(world.instances.length)
    for (const instance of world.instances) expect(instance.sees(USERS)).toEqual(world.connected())
    await world.end()
  })
  await fc.assert(property, { numRuns: 300 })
})
