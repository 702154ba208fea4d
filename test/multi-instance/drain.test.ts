import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Cluster, type Instance } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { randomFrom } from './random.ts'
import { World } from './world.ts'

/** Enough that to close one after the other takes two seconds. */
const SOCKETS = 200

async function openSocket({ rpcUrl }: Instance): Promise<WebSocket> {
  const socket = new WebSocket(rpcUrl, { perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}

describeWithRedis('an instance that gets SIGTERM', () => {
  it('is not ready, refuses sockets, answers open calls, closes each socket with 1001 and exits with 0 in time', async () => {
    await using cluster = await Cluster.start(2)
    const [instance] = cluster.instances as [Instance]
    const world = await World.start({ cluster, random: randomFrom(2), devicesOfEach: 3, losesDevices: false })
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => openSocket(instance)))
    const closings = Promise.all(
      sockets.map(async socket => {
        const [code] = await once(socket, 'close')
        return { code, at: performance.now() }
      })
    )
    const alice = await cluster.tokenDevice()
    await alice.connect(instance.rpcUrl)
    await world.goesOn(20)

    const target = (await cluster.keyDevice()).address
    const calls = Array.from({ length: 30 }, (_, at) => alice.act(at % 2 ? 'cancel' : 'request', target))
    const signalledAt = performance.now()
    const ended = instance.process.stop('SIGTERM')
    await until(async () => (await instance.status('ready')) === 503, 'it says that it is not ready')
    const [refusal] = await once(new WebSocket(instance.rpcUrl), 'error')
    expect(refusal.message).toMatch(/503|ECONNREFUSED/)
    expect(await ended).toBe(0)
    expect(performance.now() - signalledAt).toBeLessThan(paced(10_000)) // SHUTDOWN_GRACE

    const answers = await Promise.allSettled(calls)
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
    const all = await closings
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set([1001]))
    const times = all.map(({ at }) => at)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1000)
    await world.goesOn(20)
    await instance.process.start()
    expect(await world.end()).toEqual([])
  })

  it('ends at once when it gets another one', async () => {
    await using cluster = await Cluster.start(1, { SHUTDOWN_GRACE: '5m', PONG_TIMEOUT: '5m' })
    const [instance] = cluster.instances as [Instance]
    const socket = await openSocket(instance)
    socket.pause() // and so never answers the close, for which the first one waits
    const first = instance.process.stop('SIGTERM')
    await until(async () => (await instance.status('ready')) === 503, 'it stops')
    // Until one counts: what comes within a moment of the first is taken for the same.
    const again = setInterval(() => instance.process.signal('SIGTERM'), 50)
    expect(await first).toBe(1)
    clearInterval(again)
    socket.terminate()
  })
})
