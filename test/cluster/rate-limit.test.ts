import { describe, expect, it } from 'vitest'
import { Counters } from '../../src/cluster/counters.ts'
import { RateLimit } from '../../src/cluster/rate-limit.ts'
import type { SocialError } from '../../src/domain/errors.ts'
import { describeWithRedis, silent } from '../env/databases.ts'
import { RedisServer } from '../env/redis.ts'
import { countsTogether } from './counted-together.ts'

async function takes(limit: RateLimit, key: string, times: number): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: times }, () => limit.take(key)))
  return results.filter(({ status }) => status === 'fulfilled').length
}

describe('a limit', () => {
  it('is kept for each key, and says when it is over', async () => {
    const limit = new RateLimit({ name: 'x', scope: 'here', perMinute: 3, counters: null, onLocal: () => undefined })
    expect(await takes(limit, 'a', 5)).toBe(3)
    expect(await takes(limit, 'b', 1)).toBe(1)
    const refusal = await limit.take('a').catch((error: SocialError) => error)
    expect(refusal).toMatchObject({ code: 'too_many_requests' })
    expect((refusal as SocialError).retryAfterMs).toBeGreaterThan(0)
  })
})

describeWithRedis('a limit over Redis', () => {
  it('is counted together, and by each for itself while Redis is away', async () => {
    await using server = await RedisServer.start()
    const clients = [new Counters(server.url, silent), new Counters(server.url, silent)]
    let local = 0
    const [one, two] = clients.map(
      counters => new RateLimit({ name: 'x', scope: 'here', perMinute: 10, counters, onLocal: () => (local += 1) })
    )
    for (const limit of [one!, two!]) await countsTogether(limit, () => local)
    local = 0
    expect((await takes(one!, 'a', 8)) + (await takes(two!, 'a', 8))).toBe(10)
    expect(local).toBe(0)
    await server.stop('SIGKILL')
    expect(await takes(one!, 'a', 15)).toBe(10)
    expect(local).toBeGreaterThan(0)
    for (const client of clients) client.close()
  })

  it('does not wait for a Redis that hangs', async () => {
    await using server = await RedisServer.start()
    const counters = new Counters(server.url, silent)
    let local = 0
    const limit = new RateLimit({ name: 'x', scope: 'here', perMinute: 10, counters, onLocal: () => (local += 1) })
    await countsTogether(limit, () => local)
    server.freeze()
    expect(await takes(limit, 'a', 3)).toBe(3)
    server.thaw()
    counters.close()
  })
})
