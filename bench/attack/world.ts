import { Client } from 'pg'
import { seed } from '../seed.ts'
import { type User, user } from '../users.ts'
import { circle, type World } from '../world.ts'

/** Users who only want to be served. */
export const others: readonly User[] = Array.from({ length: 120 }, (_, at) => user(`attack other ${at}`))

/** Has as many requests as somebody can send, each with the largest message of characters that JSON writes in six. */
export const VICTIM_OF_REQUESTS: User = user('attack requested')
const REQUESTS = 500
const MESSAGE_LENGTH = 2_000

const FRIENDS_EACH_WAY = 25

/** Fills a migrated, empty database. */
export async function fill(databaseUrl: string): Promise<void> {
  const senders = Array.from({ length: REQUESTS }, (_, at) => user(`attack sender ${at}`).address)
  const world: World = {
    everybody: [...others, VICTIM_OF_REQUESTS],
    friendships: circle(
      others.map(({ address }) => address),
      1,
      FRIENDS_EACH_WAY
    ),
    requests: senders.map(sender => [sender, VICTIM_OF_REQUESTS.address] as const)
  }
  await seed(databaseUrl, world)
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('update pair set message = $1 where last_action = 1', [Buffer.alloc(MESSAGE_LENGTH, 1)])
  } finally {
    await client.end()
  }
}
