import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { type MessageFate, MessageFaults } from '../env/message-faults.ts'
import { paced } from '../env/pace.ts'
import { RedisServer } from '../env/redis.ts'
import { type Random, randomFrom } from './random.ts'
import { World } from './world.ts'

const SEED = Number(process.env['HISTORY_SEED'] ?? Date.now() % 1_000_000)
const ACTIONS = 400
/** Longest time that a message is held back, in milliseconds: others that were sent later come before it. */
const MAX_DELAY_MS = 400

/** Of ten messages three are lost, two come twice, and two come late. */
function fateOf(random: Random): MessageFate {
  const number = random(10)
  if (number < 3) return 'lose'
  if (number < 5) return 'repeat'
  return number < 7 ? { delayMs: random(MAX_DELAY_MS) } : 'deliver'
}

describeWithRedis('instances whose Redis loses, repeats, delays and reorders messages', () => {
  it(`send each client what the log says (seed ${SEED})`, { timeout: paced(180_000) }, async () => {
    await using redis = await RedisServer.start()
    await using faults = await MessageFaults.start(redis.url)
    await using cluster = await Cluster.start(3, { REDIS_URL: faults.url })
    const random = randomFrom(SEED)
    const world = await World.start({ cluster, random, devicesOfEach: 3, losesDevices: true })
    faults.fate = () => fateOf(random)
    await world.goesOn(ACTIONS)
    expect(await world.end()).toEqual([])
    expect(faults.faults).toBeGreaterThan(ACTIONS)
    const brought = (by: string) =>
      Promise.all(cluster.instances.map(one => one.metric(`social_events_brought_total{by="${by}"}`)))
    // Some came by their messages, and what these failed to bring was found in the log.
    for (const by of ['message', 'sweep']) expect(Math.max(...(await brought(by)))).toBeGreaterThan(0)
  })
})
