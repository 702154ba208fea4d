import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RetryDecision } from '../../src/outbox/retry-decision.ts'
import { OutboxWorker } from '../../src/outbox/worker.ts'
import { silent } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, newUsers, Stores } from '../storage/stores.ts'

const OPTIONS = { lanes: 4, pollMs: 5, leaseMs: 60_000, stepMs: 1_000 }
const AWAY: RetryDecision = { outcome: 'away', delayMs: 60_000, attempts: 0, error: 'Away', parked: false }

let stores: Stores
beforeAll(async () => {
  stores = await Stores.open('embedded')
})
afterAll(() => stores[Symbol.asyncDispose]())

it('takes no more from the log than its target is tried with, while it is only tried', async () => {
  const store = await stores.newOutbox('sink')
  for (const user of newUsers(20)) await stores.act(user, 'request', newUser())
  let tries = 0
  let underWay = 0
  const worker = new OutboxWorker(
    {
      store,
      deliver: async () => {
        tries += 1
        underWay += 1
        expect(underWay).toBe(1)
        await Promise.resolve()
        underWay -= 1
        return AWAY
      },
      target: { capacity: async () => (tries < 5 ? 1 : 0) },
      metrics: { attempted: () => {} },
      logger: silent
    },
    OPTIONS
  )
  worker.start()
  await until(() => tries === 5, 'it was tried')
  await worker.stop(10_000)
  expect(await stores.query('select count(*) from notification_outbox')).toEqual([[5]])
  expect((await store.stats()).depth).toBe(20)
})
