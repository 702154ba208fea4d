import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { describeWithRedis } from '../env/databases.ts'
import { RedisServer } from '../env/redis.ts'
import { until } from '../env/until.ts'

describeWithRedis('a channel that Redis does not serve', () => {
  let redis: RedisServer
  let admin: Redis
  let channel: RedisChannel | undefined
  let lines: { level: string; msg: string; reason?: string }[]
  beforeEach(async () => {
    redis = await RedisServer.start()
    admin = new Redis(redis.url)
    lines = []
  })
  afterEach(async () => {
    await channel?.close()
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  const open = (url: string, remindMs = 60_000): RedisChannel => {
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const logger = createLogger({ level: 'debug', format: 'json', destination })
    channel = new RedisChannel({ url, instance: randomUUID(), topic: 'social-service:test', logger, remindMs })
    return channel
  }
  const warnings = () => lines.filter(({ level, msg }) => level === 'warn' && msg === 'Redis cannot be used')
  const failures = () => lines.filter(({ msg }) => msg === 'A Redis connection failed')

  const url = (user: string, scheme = 'redis'): string => redis.url.replace('redis://', `${scheme}://${user}`)

  test.each([
    ['a password is wrong', ':wrong@', /^Redis refuses the user or the password: correct REDIS_URL \(.*WRONGPASS/],
    ['a password is missing', '', /^Redis asks for a password: set it in REDIS_URL \(.*NOAUTH/]
  ])('says once that %s, however often it tries', async (_, user, reason) => {
    await admin.config('SET', 'requirepass', 'right')
    const { isConnected } = open(url(user))
    await until(() => failures().length >= 6, 'it has tried several times')
    expect(isConnected).toBe(false)
    expect(warnings()).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason) })])
  })

  test('says once that the port speaks no TLS', async () => {
    open(url('', 'rediss'))
    await until(() => failures().length >= 3, 'it has tried several times')
    expect(warnings()).toEqual([
      expect.objectContaining({
        reason: expect.stringMatching(/^Redis does not speak TLS|^Redis closes|^Redis does not answer in time: .* TLS/)
      })
    ])
  })

  test.each(['+@all', '+@all -publish'])('says once that the user may not use the channel: %s', async rights => {
    const channels = rights === '+@all' ? 'resetchannels' : 'allchannels'
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', channels, ...rights.split(' '))
    open(url('app:pw@'))
    await until(() => warnings().length === 1, 'it says so')
    expect(warnings()[0]?.reason).toMatch(/^Redis does not let this user: .*NOPERM/)
    // It is let in, and cut because nothing is delivered, and let in again.
    if (rights !== '+@all') await until(() => lines.some(({ msg }) => msg.startsWith('Redis delivers')), 'it is cut')
    expect(lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(3)
  })

  test('says it again after a while, until it is let in', async () => {
    await admin.config('SET', 'requirepass', 'right')
    const opened = open(url(''), 500)
    await until(() => warnings().length >= 3, 'it is said again')
    await admin.config('SET', 'requirepass', '')
    await until(() => opened.isConnected, 'it is let in')
  })
})
