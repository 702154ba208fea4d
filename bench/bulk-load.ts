import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { postgresPrograms } from '../test/env/postgres.ts'

/** Lines are sent so many at a time: one by one, the pipe would take longer than the database. */
const LINES_OF_CHUNK = 2_000

/** Where rows go: the table and its columns. */
export interface Target {
  readonly url: string
  readonly table: string
  readonly columns: string
}

/**
 * Fills an empty table by `COPY`, in the text format of which `lines` are the lines. The rows need no vacuum afterwards:
 * they are written as rows that everybody has seen for long.
 */
export async function copyInto({ url, table, columns }: Target, lines: Iterable<string>): Promise<void> {
  const command = `begin; truncate ${table} cascade; copy ${table} (${columns}) from stdin with (freeze); commit`
  const program = join(postgresPrograms() ?? '', 'psql')
  const child = spawn(program, ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--command', command, url], {
    env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
    stdio: ['pipe', 'ignore', 'inherit']
  })
  const ended = once(child, 'exit')
  // When it ends before everything was sent, its exit code says more than the broken pipe.
  await pipeline(Readable.from(chunks(lines)), child.stdin).catch(() => {})
  const [code] = await ended
  if (code !== 0) throw new Error(`psql ended with ${code}`)
}

function* chunks(lines: Iterable<string>): Generator<string> {
  let chunk = ''
  let count = 0
  for (const line of lines) {
    chunk += `${line}\n`
    if (++count % LINES_OF_CHUNK !== 0) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

interface Index {
  readonly table: string
  readonly name: string
  /** What makes it an index again, or the constraint that it belongs to, or null. */
  readonly definition: string
  readonly constraint: string | null
}

const INDEXES = `select index.indrelid::regclass::text as table, relname as name,
    coalesce(pg_get_constraintdef(owner.oid), pg_get_indexdef(index.indexrelid)) as definition, conname as constraint
  from pg_index index join pg_class on pg_class.oid = index.indexrelid
    left join pg_constraint owner on owner.conindid = index.indexrelid and owner.conrelid = index.indrelid
  where index.indrelid = any ($1::text[]::regclass[])`

/**
 * Loads tables without their indexes, and makes them anew from what the database says of them: sorting all keys at once
 * takes a tenth of the time of putting them where they belong one by one.
 */
export async function withoutIndexes(client: Client, tables: readonly string[], load: () => Promise<void>) {
  const { rows } = await client.query<Index>(INDEXES, [tables])
  for (const { table, name, constraint } of rows) {
    await client.query(constraint ? `alter table ${table} drop constraint ${constraint}` : `drop index ${name}`)
  }
  await load()
  // Only of this connection.
  await client.query(`set maintenance_work_mem = '1GB'`)
  for (const { table, definition, constraint } of rows) {
    // That of a table in partitions says `only`, which would leave them without.
    const statement = definition.replace(' ON ONLY ', ' ON ')
    await client.query(constraint ? `alter table ${table} add constraint ${constraint} ${definition}` : statement)
  }
}
