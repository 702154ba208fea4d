import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Cluster } from '../env/cluster.ts'
import { describeWithRedis } from '../env/databases.ts'
import type { Device } from '../env/device.ts'
import { until } from '../env/until.ts'

/** What a device was told, in words; losses left out. */
const told = (device: Device): string[] => device.told.flatMap(entry => (entry === 'lost' ? [] : [entry.action]))

describeWithRedis('two instances over PostgreSQL and Redis', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await Cluster.start(2)
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  /** Two users, each connected to an instance of their own; the second one listens. */
  async function pair(): Promise<[Device, Device]> {
    const [alice, bob] = [await cluster.device(), await cluster.device()]
    await alice.connect(cluster.instance(0).rpcUrl)
    await bob.connect(cluster.instance(1).rpcUrl)
    void bob.listen()
    // Heard once, the subscription is known to be open.
    await until(async () => {
      await alice.act('request', bob.address)
      await alice.act('cancel', bob.address)
      return told(bob).length > 0
    }, 'the subscription is open')
    await until(() => told(bob).at(-1) === 'cancel', 'everything so far is told')
    bob.told.length = 0
    return [alice, bob]
  }

  it('tell each other at once', async () => {
    const [alice, bob] = await pair()
    const startedAt = performance.now()
    await alice.act('request', bob.address)
    await until(() => told(bob).length === 1, 'it is told')
    expect(performance.now() - startedAt).toBeLessThan(900) // below the second after which the log is read in any case
  })

  it('go on while Redis is dead, frozen and back, and tell everything once', async () => {
    const [alice, bob] = await pair()
    await cluster.redis.stop('SIGKILL')
    expect(await alice.act('request', bob.address)).toBe('event')
    await until(() => told(bob).length === 1, 'it is told without Redis')
    await cluster.redis.start()
    expect(await alice.act('cancel', bob.address)).toBe('event')
    await until(() => told(bob).length === 2, 'it is told when Redis is back')
    cluster.redis.freeze()
    expect(await alice.act('request', bob.address)).toBe('event')
    await until(() => told(bob).length === 3, 'it is told while Redis delivers nothing')
    cluster.redis.thaw()
    expect(await alice.act('cancel', bob.address)).toBe('event')
    await until(() => told(bob).length === 4, 'it is told when Redis delivers again')
    expect(told(bob)).toEqual(['request', 'cancel', 'request', 'cancel'])
  })

  it('end sessions on each other', async () => {
    const [alice, bob] = await pair()
    const { status } = await fetch(`${cluster.instance(0).httpUrl}/_matrix/client/r0/logout/all`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bob.token}` }
    })
    expect(status).toBe(200)
    await until(() => bob.told.includes('lost'), 'the stream on the other instance ends')
    expect(await bob.act('request', alice.address)).toBe('unauthorizedError')
  })

  it('answer with an error at once while PostgreSQL is away, keep their sockets, and are back within a second', async () => {
    const [alice, bob] = await pair()
    await cluster.postgres.stop('immediate')
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 50 }, () => alice.act('request', bob.address)))
    expect(new Set(answers)).toEqual(new Set(['internalServerError']))
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await cluster.instance(0).health('ready')).toBe(false)
    await cluster.postgres.start()
    await until(async () => (await alice.act('request', bob.address)) === 'event', 'it works again')
    await until(() => told(bob).includes('request'), 'it is told on the socket that stayed')
    expect(bob.isConnected).toBe(true)
    expect(bob.told).not.toContain('lost')
  })

  it('take over each other, and miss nothing, when one is killed', async () => {
    const [alice, bob] = await pair()
    const { process } = cluster.instance(1)
    await process.stop('SIGKILL')
    await bob.lost()
    expect(await alice.act('request', bob.address, 'while you were away')).toBe('event')
    await bob.connect(cluster.instance(0).rpcUrl)
    void bob.listen()
    await until(() => told(bob).length === 1, 'what was missed is told')
    expect(bob.told.at(-1)).toMatchObject({ action: 'request', message: 'while you were away' })
    await process.start()
  })

  it('end in good order: open calls are answered, sockets closed with 1001, and the exit code is 0', async () => {
    const [alice, bob] = await pair()
    await bob.connect(cluster.instance(0).rpcUrl)
    const socket = new WebSocket(cluster.instance(0).rpcUrl)
    await once(socket, 'open')
    const calls = Array.from({ length: 30 }, (_, at) => alice.act(at % 2 ? 'cancel' : 'request', bob.address))
    const [code, [closeCode], answers] = await Promise.all([
      cluster.instance(0).process.stop('SIGTERM'),
      once(socket, 'close'),
      Promise.allSettled(calls)
    ])
    expect(code).toBe(0)
    expect(closeCode).toBe(1001)
    expect(answers.map(({ status }) => status)).not.toContain('rejected')
    expect(await cluster.instance(0).health('ready')).toBe(false)
    await cluster.instance(0).process.start()
  })
})

describeWithRedis('an instance whose Redis is away', () => {
  it('is not ready before it has been there once', { timeout: 120_000 }, async () => {
    await using cluster = await Cluster.start(1)
    const [instance] = cluster.instances
    await instance!.process.stop('SIGTERM')
    await cluster.redis.stop('SIGKILL')
    await instance!.process.start()
    expect(await instance!.health('ready')).toBe(false)
    await cluster.redis.start()
    await until(() => instance!.health('ready'), 'it is ready')
  })
})
