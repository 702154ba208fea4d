import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import { RedisDirectory } from '../../src/cluster/redis-directory.ts'
import { describeWithRedis, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { RedisServer } from '../env/redis.ts'
import { until } from '../env/until.ts'
import { Friends, Instance, userOf } from '../presence/presence-world.ts'

const TOPIC = 'presence'
/** A Redis that hangs is noticed within four seconds: an instance must be allowed to be silent for longer. */
const TIMES = { graceMs: 1_500, beatMs: 1_500 }
const [alice, bob, carol] = [userOf(1), userOf(2), userOf(3)]
const crowd = Array.from({ length: 1500 }, (_, n) => userOf(1000 + n))

describeWithRedis('presence over Redis', () => {
  let redis: RedisServer
  const instances: Instance<RedisChannel>[] = []
  const directories: RedisDirectory[] = []
  let friends: Friends
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  beforeEach(() => {
    friends = new Friends()
  })
  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.stop()
    for (const directory of directories.splice(0)) directory.close()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  async function start(name: string, times = TIMES): Promise<Instance<RedisChannel>> {
    const id = `${name}-${randomUUID()}`
    const channel = new RedisChannel({ url: redis.url, instance: id, topic: TOPIC, logger: silent })
    const directory = new RedisDirectory({ url: redis.url, instance: id, topic: TOPIC, logger: silent })
    directories.push(directory)
    const instance = new Instance(id, channel, { ...times, directory, friends })
    instances.push(instance)
    await until(() => channel.isConnected, 'the channel is connected')
    return instance
  }

  const offline = ({ changes }: Instance<RedisChannel>): string[] => changes.filter(text => text.endsWith('offline'))
  const sees = (instance: Instance<RedisChannel>, ...users: (typeof alice)[]) =>
    until(() => instance.seen === users.length && instance.sees(users).length === users.length, 'all are seen')

  it('reaches every instance, new ones too', async () => {
    const [one, two] = [await start('one'), await start('two')]
    one.connect(alice, ...crowd)
    two.connect(bob)
    const three = await start('three')
    for (const instance of [one, two, three]) await sees(instance, alice, bob, ...crowd)
    one.disconnect(...crowd)
    for (const instance of [one, two, three]) await sees(instance, alice, bob)
    expect(one.presence.instances).toBe(3)
  })

  it('ends with an instance that crashes, but for users who came back elsewhere', async () => {
    const [one, two] = [await start('one'), await start('two')]
    one.connect(alice, bob)
    await sees(two, alice, bob)
    instances.splice(instances.indexOf(one), 1)
    await one.crash()
    two.connect(alice)
    await until(() => two.presence.instances === 1, 'the instance is gone')
    await sees(two, alice)
    expect(offline(two)).toEqual(['2 offline'])
  })

  it('does not end for users of an instance that ends in good order, when they come back within the grace', async () => {
    const times = { graceMs: paced(4_000), beatMs: 1_500 }
    const [one, two, three] = [await start('one', times), await start('two', times), await start('three', times)]
    one.connect(alice, bob)
    for (const instance of [two, three]) await sees(instance, alice, bob)
    instances.splice(instances.indexOf(one), 1)
    await one.stop()
    await until(() => two.presence.instances === 2, 'it has left')
    two.connect(alice)
    for (const instance of [two, three]) await sees(instance, alice)
    for (const instance of [two, three]) expect(offline(instance)).toEqual(['2 offline'])
  })

  it.each([
    ['is killed and started again', () => redis.stop('SIGKILL'), () => redis.start()],
    ['hangs and goes on', async () => redis.freeze(), async () => redis.thaw()]
  ])('does not end while Redis %s, and is right afterwards', async (_, away, back) => {
    const [one, two] = [await start('one'), await start('two')]
    one.connect(alice, bob)
    two.connect(carol)
    for (const instance of [one, two]) await sees(instance, alice, bob, carol)
    await away()
    await until(() => instances.every(({ channel }) => !channel.isConnected), 'it is noticed')
    one.disconnect(bob)
    const sent = two.sent
    await until(() => two.sent >= sent + 5, 'more beats were due than an instance may miss')
    expect([...offline(one), ...offline(two)]).toEqual([])
    await back()
    await until(() => instances.every(({ channel }) => channel.isConnected), 'it is back')
    for (const instance of [one, two]) await sees(instance, alice, carol)
    two.connect(bob)
    for (const instance of [one, two]) await sees(instance, alice, bob, carol)
    for (const instance of [one, two]) expect(offline(instance)).toEqual(['2 offline'])
  })

  it('ignores messages that no instance sends', async () => {
    const [one, two] = [await start('one'), await start('two')]
    const stranger = new Redis(redis.url)
    const watches = { watch: [], locate: [] }
    const snapshot = {
      kind: 'presence-snapshot',
      instance: 'x',
      version: 1,
      part: 0,
      parts: 1,
      online: [alice],
      ...watches
    }
    const malformed = [
      'x',
      '{',
      'null',
      '[]',
      '{"from":"x","message":null}',
      ...[
        { kind: 'unknown' },
        { ...snapshot, online: ['0x1'] },
        { ...snapshot, online: [alice, null] },
        { ...snapshot, online: 'x' },
        { ...snapshot, parts: 0 },
        { ...snapshot, parts: 1e9 },
        { ...snapshot, version: -1 },
        { ...snapshot, version: 0.5 },
        { ...snapshot, instance: '' },
        { ...snapshot, instance: 'x'.repeat(1000) },
        { ...snapshot, online: Array.from({ length: 501 }, () => alice) },
        { ...snapshot, watch: undefined },
        { ...snapshot, locate: [alice, 'x'] },
        { kind: 'presence-change', instance: 'x', version: 1, online: [alice] },
        { kind: 'presence-beat', instance: 'x', users: '1', entered: 0 },
        { kind: 'presence-version', instance: 'x', version: 1 },
        { kind: 'presence-leave' },
        { kind: 'positions', positions: [{ user: alice, ageMs: -1, position: {} }] },
        { kind: 'positions', positions: [{ user: alice, ageMs: 0, position: { x: 'x'.repeat(257) } }] }
      ].map(message => JSON.stringify({ from: 'x', message })),
      JSON.stringify({ from: 'x', message: { ...snapshot, padding: 'x'.repeat(70_000) } })
    ]
    for (const text of malformed) await stranger.publish(TOPIC, text)
    one.connect(bob)
    await sees(two, bob)
    expect(two.changes).toEqual(['2 online'])
    await until(() => two.presence.instances === 2, 'nobody but the two is known')
    await stranger.publish(TOPIC, JSON.stringify({ from: 'x', message: snapshot }))
    await sees(two, alice, bob)
    stranger.disconnect()
  })
})
