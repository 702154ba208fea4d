import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { pair, receivedActions } from './pair.ts'
import { randomFrom } from './random.ts'
import { World } from './world.ts'

describeWithRedis('an instance that is killed', () => {
  it('loses nothing that was acknowledged under load; the other serves, and sends what was missed', async () => {
    await using cluster = await Cluster.start(2)
    const world = await World.start({ cluster, random: randomFrom(1), devicesOfEach: 3, losesDevices: false })
    for (const { process } of cluster.instances) {
      await world.goesOn(20)
      await process.stop('SIGKILL')
      // Only the other one is there to do it.
      await world.goesOn(20)
      await process.start()
    }
    await world.goesOn(20)
    expect(await world.end()).toEqual([])
  })

  it('is replaced by the other at once, which sends what was missed', async () => {
    await using cluster = await Cluster.start(2)
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    await cluster.instance(1).process.stop('SIGKILL')
    await bob.disconnected()
    expect(await alice.act('request', bob.address, 'while you were away')).toBe('event')
    await bob.connect(cluster.instance(0).rpcUrl)
    void bob.listen()
    await until(() => receivedActions(bob).length === 1, 'what was missed arrives')
    expect(bob.received.at(-1)).toMatchObject({ action: 'request', message: 'while you were away' })
    for (const device of [alice, bob]) device.terminate()
  })
})
