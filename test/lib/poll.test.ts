import { describe, expect, it } from 'vitest'
import { poll } from '../../src/lib/poll.ts'

const BACKOFF = { firstMs: 1, maxMs: 2 }

describe('polling', () => {
  it('tries until there is a result', async () => {
    let tries = 0
    const attempt = async (): Promise<number | undefined> => {
      tries += 1
      return tries < 5 ? undefined : tries
    }
    expect(await poll(attempt, { withinMs: 60_000, backoff: BACKOFF })).toBe(5)
  })

  it('takes null for a result', async () => {
    expect(await poll(async () => null, { withinMs: 60_000, backoff: BACKOFF })).toBeNull()
  })

  it('ends without a result when its time is over, with a last try at the very end', async () => {
    let lastTryAt = 0
    const startedAt = performance.now()
    const attempt = async (): Promise<undefined> => {
      lastTryAt = performance.now()
    }
    expect(await poll(attempt, { withinMs: 30, backoff: { firstMs: 20, maxMs: 60_000 } })).toBeUndefined()
    expect(lastTryAt - startedAt).toBeGreaterThanOrEqual(29)
  })

  it('tries once when there is no time at all', async () => {
    expect(await poll(async () => 'done', { withinMs: 0, backoff: BACKOFF })).toBe('done')
    expect(await poll(async () => undefined, { withinMs: 0, backoff: BACKOFF })).toBeUndefined()
  })

  it('ends with the failure of a try', async () => {
    const attempt = async (): Promise<undefined> => {
      throw new Error('away')
    }
    await expect(poll(attempt, { withinMs: 60_000, backoff: BACKOFF })).rejects.toThrow('away')
  })
})
