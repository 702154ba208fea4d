import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { describeWithRedis } from './databases.ts'
import { RedisServer } from './redis.ts'

describeWithRedis('The Redis of the tests', () => {
  test('is empty, forgets when it is killed, and can be frozen', async () => {
    await using server = await RedisServer.start()
    const client = new Redis(server.url, { retryStrategy: () => 5, maxRetriesPerRequest: null })
    client.on('error', () => {})
    expect(await client.dbsize()).toBe(0)
    await client.set('key', 'value')

    await server.stop('SIGKILL')
    await server.start()
    expect(await client.get('key')).toBeNull()

    server.freeze()
    const ping = client.ping()
    await expect(Promise.race([ping, new Promise(resolve => setTimeout(resolve, 100, 'silence'))])).resolves.toBe(
      'silence'
    )
    server.thaw()
    expect(await ping).toBe('PONG')
    client.disconnect()
  })
})
