import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { pair, told } from './pair.ts'

describeWithRedis('while PostgreSQL is away', () => {
  it('calls are answered with an error at once, sockets stay, and all is back within a second', {
    timeout: 120_000
  }, async () => {
    await using cluster = await Cluster.start(2)
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    await cluster.postgres.stop('immediate')
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 50 }, () => alice.act('request', bob.address)))
    expect(new Set(answers)).toEqual(new Set(['internalServerError']))
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await cluster.instance(0).health('ready')).toBe(false)
    await cluster.postgres.start()
    const backAt = performance.now()
    await until(async () => (await alice.act('request', bob.address)) === 'event', 'it works again')
    expect(performance.now() - backAt).toBeLessThan(1000)
    await until(() => told(bob).includes('request'), 'it is told on the socket that stayed')
    expect(bob.isConnected).toBe(true)
    expect(bob.told).not.toContain('lost')
    for (const device of [alice, bob]) device.lose()
  })
})
