import { expect, it } from 'vitest'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { pair, receivedActions } from './pair.ts'

describeWithRedis('a cluster whose PostgreSQL is away', () => {
  it('answers calls with an error at once, keeps its sockets, and serves within a second of its return', async () => {
    await using cluster = await Cluster.start(2)
    const [alice, bob] = await pair(cluster, await cluster.tokenDevice(), await cluster.keyDevice())
    const back: number[] = []
    // Twice: the machine may be busy with something else in the one second that is measured.
    for (const action of ['request', 'cancel'] as const) {
      await cluster.postgres.stop('immediate')
      const startedAt = performance.now()
      const answers = await Promise.all(Array.from({ length: 50 }, () => alice.act(action, bob.address)))
      expect(new Set(answers)).toEqual(new Set(['internalServerError']))
      expect(performance.now() - startedAt).toBeLessThan(paced(10_000))
      expect(await cluster.instance(0).status('ready')).toBe(503)
      await cluster.postgres.start()
      const backAt = performance.now()
      await until(async () => (await alice.act(action, bob.address)) === 'event', 'it works again')
      back.push(performance.now() - backAt)
      await until(() => receivedActions(bob).at(-1) === action, 'it arrives on the socket that stayed')
    }
    expect(Math.min(...back)).toBeLessThan(paced(1_000))
    expect(receivedActions(bob)).toEqual(['request', 'cancel'])
    expect(bob.isConnected).toBe(true)
    expect(bob.received).not.toContain('disconnected')
    for (const device of [alice, bob]) device.terminate()
  })
})
