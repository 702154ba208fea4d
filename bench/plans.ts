import { escapeLiteral } from 'pg'
import type { Statement } from '../src/storage/db/database.ts'
import { FriendLists } from '../src/storage/friend-lists.ts'
import { connectBare, databaseOf } from './bare-database.ts'
import { COUPLES, crowd, spouse } from './world.ts'

const WHOLE = { limit: 2000, offset: 0 }

/** How PostgreSQL runs the main queries: the plan that is the same for all values, as prepared statements get it. */
export async function queryPlans(url: string): Promise<string> {
  const client = await connectBare(url)
  const plans: string[] = []
  const explain = async ({ name, text }: Statement, values: readonly unknown[]): Promise<unknown[][]> => {
    await client.query(`prepare explained as ${text}`)
    const parameters = values.map(value => escapeLiteral(String(value))).join(', ')
    const run = () => client.query(`explain (analyze, buffers, costs off) execute explained(${parameters})`)
    // The second run finds everything in memory.
    await run()
    const { rows } = await run()
    plans.push([`-- ${name}`, ...rows.map(row => row['QUERY PLAN'])].join('\n'))
    await client.query('deallocate explained')
    return []
  }
  try {
    await client.query('set plan_cache_mode = force_generic_plan')
    const lists = new FriendLists(databaseOf(explain))
    await lists.friends(crowd(7).address, WHOLE)
    await lists.mutualFriends(spouse(COUPLES, 0, 'left').address, spouse(COUPLES, 0, 'right').address, WHOLE)
    await lists.requests(crowd(7).address, 'incoming', WHOLE)
    await lists.requests(crowd(7).address, 'outgoing', WHOLE)
  } finally {
    await client.end()
  }
  return plans.join('\n\n')
}
