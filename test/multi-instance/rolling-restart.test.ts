import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { KeyDevice } from '../env/device.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { pause, randomFrom } from './random.ts'
import { World } from './world.ts'

const FRIENDS = 4

/** Friends of each other, who watch each other come and go, and come back as soon as they are lost. */
class Watchers {
  readonly #cluster: Cluster
  readonly #devices: readonly KeyDevice[]
  readonly #watching: Promise<void>[]
  #isOver = false

  private constructor(cluster: Cluster, devices: readonly KeyDevice[]) {
    this.#cluster = cluster
    this.#devices = devices
    this.#watching = devices.map((device, at) => this.#watch(device, at))
  }

  static async start(cluster: Cluster): Promise<Watchers> {
    const devices = await Promise.all(Array.from({ length: FRIENDS }, () => cluster.keyDevice()))
    for (const device of devices) await device.connect(cluster.instance(0).rpcUrl)
    for (const [at, device] of devices.entries()) {
      for (const other of devices.slice(at + 1)) {
        await device.act('request', other.address)
        await other.act('accept', device.address)
      }
    }
    for (const device of devices) device.terminate()
    const watchers = new Watchers(cluster, devices)
    await watchers.everybodySeesEverybody()
    return watchers
  }

  /** Resolves when each of them last received of all others that they are online. */
  async everybodySeesEverybody(): Promise<void> {
    const isSeen = (by: KeyDevice, { address }: KeyDevice): boolean =>
      by.observations.findLast(({ friend }) => friend === address)?.online === true
    await until(
      () => this.#devices.every(one => this.#devices.every(other => one === other || isSeen(one, other))),
      'everybody sees everybody'
    )
  }

  /** Who received at any time that a friend is gone. */
  get falseAlarms(): string[] {
    return this.#devices.flatMap(({ address, observations }) =>
      observations.flatMap(({ friend, online }) => (online ? [] : [`${address} received that ${friend} is offline`]))
    )
  }

  async end(): Promise<void> {
    this.#isOver = true
    for (const device of this.#devices) device.terminate()
    await Promise.all(this.#watching)
  }

  async #watch(device: KeyDevice, at: number): Promise<void> {
    for (let instance = at; !this.#isOver; instance += 1) {
      try {
        await device.connect(this.#cluster.instance(instance).rpcUrl)
        await Promise.race([device.watch(), device.disconnected()])
      } catch {
        await pause(20) // that instance is being started again: the next one
      }
    }
  }
}

describeWithRedis('a rolling restart of two instances under load', () => {
  it('loses no acknowledged write and no update, sends nothing twice, and shows nobody as offline', async () => {
    await using cluster = await Cluster.start(2, { PRESENCE_GRACE: `${paced(10_000)}ms` })
    const watchers = await Watchers.start(cluster)
    const world = await World.start({ cluster, random: randomFrom(3), devicesOfEach: 3, losesDevices: false })
    for (const { process } of cluster.instances) {
      await world.goesOn(20)
      expect(await process.stop('SIGTERM')).toBe(0)
      await world.goesOn(20)
      await process.start()
    }
    await world.goesOn(20)
    await watchers.everybodySeesEverybody()
    expect(await world.end(Promise.resolve(), { mayRepeat: false })).toEqual([])
    expect(watchers.falseAlarms).toEqual([])
    await watchers.end()
  })
})
