import { expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { FRIENDSHIP_ACTIONS } from '../../src/domain/friendship.ts'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { Device } from '../env/device.ts'
import { until } from '../env/until.ts'
import { checkDeeds, checkHistory, checkLog, type Deed, readLog } from './history.ts'

const SECONDS = Number(process.env['HISTORY_SECONDS'] ?? 30)
const SEED = Number(process.env['HISTORY_SEED'] ?? Date.now() % 1_000_000)
const USERS = 5
const INSTANCES = 2

/** A small generator of numbers, so that a run can be had again: mulberry32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Users who act, listen, get lost and come back, wherever there is an instance. */
class World {
  readonly deeds: Deed[] = []
  readonly #cluster: Cluster
  readonly #devices: readonly Device[]
  readonly #random: (below: number) => number
  #isOver = false
  #messages = 0

  constructor(cluster: Cluster, devices: readonly Device[], random: (below: number) => number) {
    this.#cluster = cluster
    this.#devices = devices
    this.#random = random
  }

  /** Keeps a device connected and listening, to one instance after the other, until the end. */
  async listen(device: Device): Promise<void> {
    while (!this.#isOver) {
      try {
        await device.connect(this.#cluster.instance(this.#random(INSTANCES)).rpcUrl)
        await Promise.race([device.listen(), device.lost()])
      } catch {
        await pause(20) // the instance, or its database, is away: try another
      }
    }
  }

  /** Lets one user do one thing after the other. */
  async act(device: Device): Promise<void> {
    while (!this.#isOver) {
      const target = this.#devices[this.#random(this.#devices.length)] as Device
      const action = FRIENDSHIP_ACTIONS[this.#random(FRIENDSHIP_ACTIONS.length)] ?? 'request'
      if (target === device || !device.isConnected) {
        await pause(1)
        continue
      }
      const message = action === 'request' ? `m${this.#messages++}` : null
      const deed = { actor: device.address, target: target.address, action, message }
      const lost = device.lost().then(() => 'lost' as const)
      const answer = device.act(action, target.address, message ?? undefined).catch(() => 'lost' as const)
      this.deeds.push({ ...deed, outcome: outcomeOf(await Promise.race([answer, lost])) })
      if (this.#random(40) === 0) device.lose()
      await pause(this.#random(10))
    }
  }

  /** Breaks one part after the other, and mends it. */
  async breakThings(): Promise<void> {
    const { postgres, redis } = this.#cluster
    while (!this.#isOver) {
      await pause(500 + this.#random(1500))
      const { process } = this.#cluster.instance(this.#random(INSTANCES))
      switch (this.#random(5)) {
        case 0:
          await process.stop('SIGKILL')
          await process.start()
          break
        case 1:
          await process.stop('SIGTERM')
          await process.start()
          break
        case 2:
          await redis.stop('SIGKILL')
          await pause(this.#random(1000))
          await redis.start()
          break
        case 3:
          redis.freeze()
          await pause(this.#random(4000))
          redis.thaw()
          break
        default:
          await postgres.stop('immediate')
          await postgres.start()
      }
    }
  }

  end(): void {
    this.#isOver = true
    for (const device of this.#devices) device.lose()
  }
}

function outcomeOf(answer: string): Deed['outcome'] {
  if (answer === 'event') return 'acknowledged'
  return answer === 'lost' || answer === 'internalServerError' ? 'in doubt' : 'refused'
}

describeWithRedis('whatever breaks', () => {
  it(`each client's history is what the log says (seed ${SEED}, ${SECONDS} s)`, {
    timeout: (SECONDS + 120) * 1000
  }, async () => {
    await using cluster = await Cluster.start(INSTANCES)
    const devices = await Promise.all(Array.from({ length: USERS }, () => cluster.device()))
    for (const device of devices) await device.connect(cluster.instance(0).rpcUrl)
    const world = new World(cluster, devices, randomFrom(SEED))
    const listening = devices.map(device => world.listen(device))
    await until(() => devices.every(device => device.isConnected), 'all are connected')
    const work = [...devices.map(device => world.act(device)), world.breakThings()]
    await pause(SECONDS * 1000)
    world.end()
    await Promise.all([...work, ...listening])

    // Everything is well again, and everybody comes back once more.
    await until(
      async () => (await Promise.all(cluster.instances.map(one => one.health('ready')))).every(Boolean),
      'all is well'
    )
    const log = await readLog(cluster.databaseUrl)
    for (const device of devices) {
      await device.connect(cluster.instance(1).rpcUrl)
      void device.listen()
    }
    const mistakes = (): string[] => devices.flatMap(device => historyMistakes(device, log))
    await until(() => mistakes().length === 0, 'everybody was told').catch(() => undefined)
    for (const device of devices) device.lose()
    expect([...checkLog(log), ...checkDeeds(world.deeds, log), ...mistakes()]).toEqual([])
    expect(world.deeds.filter(({ outcome }) => outcome === 'acknowledged').length).toBeGreaterThan(SECONDS)
  })
})

function historyMistakes(device: Device, log: Parameters<typeof checkLog>[0]): string[] {
  const others = new Set<Address>(log.filter(({ target }) => target === device.address).map(({ actor }) => actor))
  return [...others].flatMap(other => {
    const told = device.told.filter(entry => entry === 'lost' || entry.actor === other)
    const due = log.filter(({ actor, target }) => actor === other && target === device.address)
    return checkHistory(told, due).map(mistake => `${device.address.slice(0, 8)} ${mistake}`)
  })
}
