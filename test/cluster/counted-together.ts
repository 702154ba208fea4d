import { randomUUID } from 'node:crypto'
import type { RateLimit } from '../../src/cluster/rate-limit.ts'
import { until } from '../env/until.ts'

/** Waits until a limit is counted by all instances together. @param local how often it was counted by one alone so far */
export async function countsTogether(limit: RateLimit, local: () => number): Promise<void> {
  await until(async () => {
    const before = local()
    for (let times = 0; times < 10; times += 1) await limit.take(randomUUID())
    return local() === before
  }, 'it is counted together')
}
