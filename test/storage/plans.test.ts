import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LogPartitions } from '../../src/storage/log-partitions.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { calls, explain, fill, STARS, userOf, WORLDS } from './plans.ts'
import { Stores } from './stores.ts'

const CALLS = await calls(userOf(5_000), userOf(5_001))
/** Of users with 500 friends each, or more: what a page shows of them is small, what leads to it is not. */
const CALLS_OF_STARS = await calls(...STARS)
/** Small, however long the log is. */
const SMALL = [
  'pair_event_default',
  'log_horizon',
  'instance',
  'matrix_log_position',
  'matrix_log_gap',
  'matrix_outbox',
  'notification_position',
  'notification_gap',
  'notification_outbox'
]

describeWithPostgres('On a million pairs', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres')
    await new LogPartitions(stores.db).prepare()
    await fill(stores.db, WORLDS['a million pairs'])
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  describe('no table is read as a whole', () => {
    test.each(CALLS.map(call => [call.statement.name, call] as const))('by %s', async (_, call) => {
      const { scanned, buffers } = await explain(stores.url, call)
      expect(scanned.filter(table => !SMALL.includes(table))).toEqual([])
      // The rows of the pairs alone fill more than ten thousand pages.
      expect(buffers).toBeLessThan(500)
    })

    test('or it would be noticed', async () => {
      const whole = { name: 'whole', text: 'select * from pair where last_action = $1 or acted_at = $2' }
      const { scanned, buffers } = await explain(stores.url, { statement: whole, values: [2, 0] })
      expect(scanned).toEqual(['pair'])
      expect(buffers).toBeGreaterThan(10_000)
    })
  })

  test('a page of friends costs what the page costs, also of a user with thousands', async () => {
    const { statement } = CALLS.find(call => call.statement.name === 'friends')!
    const cost = async (limit: number, offset: number): Promise<number> =>
      (await explain(stores.url, { statement, values: [STARS[0], limit, offset] })).buffers
    const [page, whole] = [await cost(20, 0), await cost(4000, 0)]
    expect(page).toBeLessThanOrEqual(30)
    expect(await cost(20, 100)).toBeLessThanOrEqual(60)
    expect(whole).toBeGreaterThan(5 * page)
  })
})

describeWithPostgres.each([
  'a young world, of which it has statistics',
  'a young world, of which it knows nothing'
] as const)('In %s', world => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres')
    await new LogPartitions(stores.db).prepare()
    await fill(stores.db, WORLDS[world])
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  test.each(CALLS_OF_STARS.map(call => [call.statement.name, call] as const))(
    '%s compares no list with all of another',
    async (_, call) => {
      const { touched } = await explain(stores.url, call)
      // There are 1,000 pairs in all; each friend of one beside each of the other would be 250,000.
      expect(touched).toBeLessThan(15_000)
    }
  )
})
