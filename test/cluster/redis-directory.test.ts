import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { RedisDirectory } from '../../src/cluster/redis-directory.ts'
import type { Address } from '../../src/domain/address.ts'
import { describeWithRedis, silent } from '../env/databases.ts'
import { RedisServer } from '../env/redis.ts'

const userOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}` as Address
const [alice, bob] = [userOf(1), userOf(2)]

describeWithRedis('the directory in Redis', () => {
  let redis: RedisServer
  let client: Redis
  const directories: RedisDirectory[] = []
  beforeAll(async () => {
    redis = await RedisServer.start()
    client = new Redis(redis.url)
  })
  afterEach(async () => {
    for (const directory of directories.splice(0)) directory.close()
    await client.flushall()
  })
  afterAll(async () => {
    client.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  /** Of an instance, once it is connected. */
  async function open(instance: string): Promise<RedisDirectory> {
    const directory = new RedisDirectory({ instance, url: redis.url, topic: 'test', logger: silent })
    directories.push(directory)
    while (!(await directory.keep().then(Boolean, () => false))) await new Promise(resolve => setTimeout(resolve, 10))
    return directory
  }

  it('says on which other instances users are, until they leave', async () => {
    const [one, two, three] = [await open('one'), await open('two'), await open('three')]
    const crowd = Array.from(
      { length: 1000 },
      (_, n) => `0x${(n % 16).toString(16)}${n.toString(16).padStart(39, '0')}` as Address
    )
    await one.enter([alice, ...crowd])
    await two.enter([alice, bob])
    expect([...(await three.find([alice, bob, userOf(9)]))]).toEqual([
      [alice, ['one', 'two']],
      [bob, ['two']]
    ])
    expect([...(await two.find([alice, bob]))]).toEqual([[alice, ['one']]])
    expect((await three.find(crowd)).size).toBe(crowd.length)
    await two.leave([alice, bob])
    expect([...(await three.find([alice, bob]))]).toEqual([[alice, ['one']]])
    expect((await client.keys('*')).filter(key => key.endsWith(bob.slice(2)))).toEqual([])
  })

  it('has no entry that stays for ever, and few for one user', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `instance-${n}`)
    for (const name of names) await (await open(name)).enter([alice])
    const last = directories[0]!
    await last.enter([alice])
    const other = await open('other')
    expect((await other.find([alice])).get(alice)).toEqual([...names.slice(3), 'instance-0'])
    for (const key of await client.keys('*')) expect(await client.ttl(key)).toBeGreaterThan(0)
  })

  it('says when it has lost what was entered', async () => {
    const one = await open('one')
    expect(await one.keep()).toBe(true)
    await client.flushall()
    expect(await one.keep()).toBe(false)
    expect(await one.keep()).toBe(true)
  })
})
