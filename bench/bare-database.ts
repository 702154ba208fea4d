import { Client, types } from 'pg'
import type { Database, Statement } from '../src/storage/db/database.ts'

const INT8 = 20

// As in the service's own connections.
types.setTypeParser(INT8, Number)

export async function connectBare(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return client
}

type Rows = (statement: Statement, values: readonly unknown[]) => Promise<unknown[][]>

/** A database for the storage classes that does with their statements what `rows` and `retryableRows` do, and nothing around it. */
export function databaseOf(rows: Rows): Database {
  // The stores that are used here call nothing else.
  return { rows, retryableRows: rows } as unknown as Database
}

/** The least that a statement can cost: one named statement on one connection, without pool, deadline or retry. */
export function bareDatabase(client: Client): Database {
  return databaseOf(async ({ name, text }, values) => {
    const { rows } = await client.query<unknown[]>({ name, text, values: [...values], rowMode: 'array' })
    return rows
  })
}
