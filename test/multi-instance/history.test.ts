import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { pause, type Random, randomFrom } from './random.ts'
import { World } from './world.ts'

const SECONDS = Number(process.env['HISTORY_SECONDS'] ?? (process.env['CI'] ? 60 : 30))
const SEED = Number(process.env['HISTORY_SEED'] ?? Date.now() % 1_000_000)
const INSTANCES = 3

/** Breaks one part after the other, and restores it, until the world is over. */
async function breakThings(world: World, cluster: Cluster, random: Random): Promise<void> {
  const { postgres, redis } = cluster
  while (!world.isOver) {
    await pause(500 + random(1500))
    const { process } = cluster.instance(random(INSTANCES))
    switch (random(5)) {
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
        await pause(random(1000))
        await redis.start()
        break
      case 3:
        redis.freeze()
        await pause(random(4000))
        redis.thaw()
        break
      default:
        await postgres.stop('immediate')
        await postgres.start()
    }
  }
}

describeWithRedis('a cluster in which one part after the other breaks', () => {
  it(`sends each client what the log says (seed ${SEED}, ${SECONDS} s)`, {
    timeout: paced((SECONDS + 240) * 1000)
  }, async () => {
    await using cluster = await Cluster.start(INSTANCES)
    const random = randomFrom(SEED)
    const world = await World.start({ cluster, random, devicesOfEach: 3, losesDevices: true })
    const breaking = breakThings(world, cluster, random)
    await pause(SECONDS * 1000)
    expect(await world.end(breaking)).toEqual([])
    expect(world.acknowledged).toBeGreaterThan(SECONDS)
  })
})
