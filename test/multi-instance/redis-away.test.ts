import { expect, it } from 'vitest'
import { Cluster, type Instance } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { pair, receivedActions, timeToReceive } from './pair.ts'

/** Waits until every instance says whether it reaches Redis. */
async function connected(instances: readonly Instance[], wanted: 0 | 1): Promise<void> {
  for (const instance of instances) {
    const what = `Redis is ${wanted ? 'connected' : 'away'}`
    await until(async () => (await instance.metric('social_redis_connected')) === wanted, what)
  }
}

describeWithRedis('an instance that starts while Redis is down', () => {
  it('serves, and is not ready before Redis has been there once', async () => {
    await using cluster = await Cluster.start(1)
    const [instance] = cluster.instances
    const alice = await cluster.tokenDevice()
    await instance!.process.stop('SIGTERM')
    await cluster.redis.stop('SIGKILL')
    await instance!.process.start()
    expect(await instance!.status('ready')).toBe(503)
    await alice.connect(instance!.rpcUrl)
    expect(await alice.act('request', (await cluster.keyDevice()).address)).toBe('event')
    alice.terminate()
    await cluster.redis.start()
    await until(() => instance!.health('ready'), 'it is ready')
    await connected(cluster.instances, 1)
  })
})

describeWithRedis('a cluster whose Redis is stopped and started', () => {
  it('writes, counts by local limits, loses no update, and neither crashes nor spins', async () => {
    await using cluster = await Cluster.start(2)
    const { instances } = cluster
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    const startedAt = await Promise.all(instances.map(one => one.metric('process_start_time_seconds')))

    await cluster.redis.stop('SIGKILL')
    await connected(instances, 0)
    const cpu = () => Promise.all(instances.map(one => one.metric('process_cpu_seconds_total')))
    const [from, before] = [performance.now(), await cpu()]
    for (const action of ['request', 'cancel', 'request'] as const) {
      expect(await alice.act(action, bob.address)).toBe('event')
    }
    await until(() => receivedActions(bob).length === 3, 'it arrives without Redis')
    expect(await cluster.instance(0).metric('social_limits_local_total{limit="user-actions"}')).toBeGreaterThan(0)
    expect(await cluster.instance(0).health('ready')).toBe(true)
    // Long enough for many tries to connect: what an instance does meanwhile is wait.
    await until(() => performance.now() - from > 5000, 'it was away for a while')
    const seconds = (performance.now() - from) / 1000
    for (const [at, used] of (await cpu()).entries()) expect(used - before[at]!).toBeLessThan(seconds / 2)

    await cluster.redis.start()
    await connected(instances, 1)
    expect(await alice.act('cancel', bob.address)).toBe('event')
    await until(() => receivedActions(bob).length === 4, 'it arrives when Redis is back')
    expect(bob.received).toMatchObject(['request', 'cancel', 'request', 'cancel'].map(action => ({ action })))
    expect(await Promise.all(instances.map(one => one.metric('process_start_time_seconds')))).toEqual(startedAt)
    for (const device of [alice, bob]) device.terminate()
  })
})

describeWithRedis('a cluster whose Redis is alive but delivers nothing', () => {
  it('notices it by a probe, connects anew, and sends every update once meanwhile and afterwards', async () => {
    await using cluster = await Cluster.start(2)
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    await connected(cluster.instances, 1)
    cluster.redis.freeze()
    expect(await alice.act('request', bob.address)).toBe('event')
    await until(() => receivedActions(bob).length === 1, 'it arrives while Redis delivers nothing')
    await connected(cluster.instances, 0)
    cluster.redis.thaw()
    await connected(cluster.instances, 1)
    expect(await alice.act('cancel', bob.address)).toBe('event')
    await until(() => receivedActions(bob).length === 2, 'it arrives when Redis delivers again')
    // At once again, and not with the next look at the log.
    expect(await timeToReceive(alice, bob)).toBeLessThan(paced(900))
    expect(receivedActions(bob)).toEqual(['request', 'cancel', 'request', 'cancel', 'request', 'cancel', 'request'])
    for (const device of [alice, bob]) device.terminate()
  })
})
