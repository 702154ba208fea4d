import { Client } from 'pg'
import type { Mark, MarkKind } from './imported-users.ts'
import type { Predecessor } from './predecessors.ts'

/** A row about two users, as an earlier service has it. */
export interface PairRow {
  readonly source: string
  readonly id: string
  /** Both users in lower case, in their order. */
  readonly lo: string
  readonly hi: string
  /** Both as they are written. */
  readonly a: string
  readonly b: string
  readonly areFriends: boolean
  /** Unix milliseconds; 0 when it does not say. */
  readonly touchedAt: number
  /** Of a block only. */
  readonly blocker: string | null
  readonly blockedAt: number | null
}

/** Something that was noted under the id of such a row. */
export interface EventRow {
  readonly pairId: string
  readonly action: string
  readonly actor: string
  readonly at: number | null
  readonly message: string | null
}

/** Rows about pairs, everything that was noted under their ids, and the last of them. */
export interface SourcePage {
  readonly rows: readonly PairRow[]
  readonly events: readonly EventRow[]
  readonly last: PairRow
}

/** Rows that are held at a time. */
const PAGE = 5_000
const CONNECT_MS = 10_000

/** The database of an earlier service, which is read as it was at one moment and never written. */
export class ImportSource implements AsyncDisposable {
  readonly #client: Client
  readonly #predecessor: Predecessor
  readonly #tables: ReadonlySet<string>
  /** What names the database in the notes of this service. */
  readonly name: string
  /** When it was looked at, by its own clock; unix milliseconds. */
  readonly at: number

  private constructor(
    client: Client,
    predecessor: Predecessor,
    facts: Pick<ImportSource, 'name' | 'at'>,
    tables: string[]
  ) {
    this.#client = client
    this.#predecessor = predecessor
    this.#tables = new Set(tables)
    this.name = facts.name
    this.at = facts.at
  }

  /** @throws an error of PostgreSQL or of the network; null when the database is none of that service */
  static async open(url: string, predecessor: Predecessor): Promise<ImportSource | null> {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS })
    // What fails while nothing is asked fails again with the next question.
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('begin isolation level repeatable read, read only')
      const wanted = [predecessor.mainTable, 'friendships', ...predecessor.laterTables]
      const { rows } = await client.query<[name: string, at: number, tables: string[]]>({
        text: `select current_database(), extract(epoch from clock_timestamp())::float8 * 1000,
          array(select name from unnest($1::text[]) name where to_regclass(name) is not null)`,
        values: [wanted],
        rowMode: 'array'
      })
      const [name = '', at = 0, tables = []] = rows[0] ?? []
      if (tables.includes(predecessor.mainTable) && tables.includes('friendships')) {
        return new ImportSource(client, predecessor, { name, at }, tables)
      }
      await client.end()
      return null
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }

  /**
   * The rows about pairs after one, all those of a pair behind each other; no page ends within a pair.
   * @param since only pairs that changed since, unix milliseconds; null for all
   */
  async *pairs(since: number | null, after: { readonly lo: string; readonly hi: string }): AsyncGenerator<SourcePage> {
    for await (const rows of this.#pairRows(since, after)) {
      const last = rows.at(-1)
      if (last) yield { rows, events: await this.#events(rows.map(({ id }) => id)), last }
    }
  }

  async *#pairRows(
    since: number | null,
    after: { readonly lo: string; readonly hi: string }
  ): AsyncGenerator<PairRow[]> {
    const text = this.#predecessor.pairs(table => this.#tables.has(table))
    let held: PairRow[] = []
    for await (const rows of this.#pages<PairColumns>(text, [since, after.lo, after.hi])) {
      held.push(...rows.map(toPairRow))
      const last = held.at(-1)
      const end = held.findLastIndex(row => row.lo !== last?.lo || row.hi !== last.hi) + 1
      if (end === 0) continue
      yield held.slice(0, end)
      held = held.slice(end)
    }
    if (held.length > 0) yield held
  }

  async #events(ids: readonly string[]): Promise<EventRow[]> {
    type Row = [pairId: string, action: string, actor: string, at: number | null, message: string | null]
    const rows = await this.#rows<Row>(this.#predecessor.events, [ids])
    return rows.map(([pairId, action, actor, at, message]) => ({ pairId, action, actor, at, message }))
  }

  /** How much was noted under ids that no row has. */
  async orphans(): Promise<number> {
    const [row] = await this.#rows<[number]>(this.#predecessor.orphans, [])
    return row?.[0] ?? 0
  }

  /** How many pairs are friends and block nobody, and how many blocks there are. */
  async totals(): Promise<{ readonly friendships: number; readonly blocks: number }> {
    const text = this.#predecessor.totals(table => this.#tables.has(table))
    const [row] = await this.#rows<[friendships: number, blocks: number]>(text, [])
    const [friendships = 0, blocks = 0] = row ?? []
    return { friendships, blocks }
  }

  /** The settings of users, each as its columns; nothing where there are none. */
  async *settings(): AsyncGenerator<[address: string, columns: Record<string, unknown>][]> {
    const { settings } = this.#predecessor
    if (settings && this.#tables.has('social_settings')) yield* this.#pages(settings, [])
  }

  async *mutes(): AsyncGenerator<[muter: string, muted: string, at: number][]> {
    const { mutes } = this.#predecessor
    if (mutes && this.#tables.has('user_mutes')) yield* this.#pages(mutes, [])
  }

  /** Those of some marks that are there; null when it cannot have any. */
  async present(kind: MarkKind, marks: readonly Mark[]): Promise<ReadonlySet<string> | null> {
    const place = this.#predecessor.marks?.[kind]
    if (!place || !this.#tables.has(place.table)) return null
    const { table, by, of } = place
    const rows = await this.#rows<[text: string]>(
      `select lower(${by}) || ' ' || lower(${of}) from ${table}
        where (lower(${by}), lower(${of})) in (select * from unnest($1::text[], $2::text[]))`,
      [marks.map(mark => mark.by), marks.map(mark => mark.of)]
    )
    return new Set(rows.map(([text]) => text))
  }

  async *#pages<Row extends readonly unknown[]>(text: string, values: readonly unknown[]): AsyncGenerator<Row[]> {
    await this.#client.query(`declare page no scroll cursor for ${text}`, [...values])
    for (;;) {
      const rows = await this.#rows<Row>(`fetch ${PAGE} from page`, [])
      if (rows.length > 0) yield rows
      if (rows.length < PAGE) break
    }
    await this.#client.query('close page')
  }

  async #rows<Row extends readonly unknown[]>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await this.#client.query({ text, values: [...values], rowMode: 'array' })
    return rows as unknown as Row[]
  }
}

type PairColumns = [
  source: string,
  id: string,
  lo: string,
  hi: string,
  a: string,
  b: string,
  areFriends: boolean,
  touchedAt: number,
  blocker: string | null,
  blockedAt: number | null
]

function toPairRow([source, id, lo, hi, a, b, areFriends, touchedAt, blocker, blockedAt]: PairColumns): PairRow {
  return { source, id, lo, hi, a, b, areFriends, touchedAt, blocker, blockedAt }
}
