import type { Overrides } from '../../src/app/app.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { Database } from '../../src/storage/db/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { Env } from '../env/app.ts'
import { freshPostgres, LIMITS, silent } from '../env/databases.ts'
import { eventsAfter } from '../storage/stores.ts'

/** What the database of a running service holds, read beside the service. */
export class LogReader implements AsyncDisposable {
  readonly db: Database
  readonly #start: number

  private constructor(db: Database, start: number) {
    this.db = db
    this.#start = start
  }

  static async open(url: string): Promise<LogReader> {
    return new LogReader(await Database.open({ ...LIMITS, poolSize: 1, url }, silent), 0)
  }

  /** The same log without its beginning, up to a number. */
  since(seq: number): LogReader {
    return new LogReader(this.db, seq)
  }

  /** Every event, oldest first. */
  async all(): Promise<readonly PairEvent[]> {
    return eventsAfter(new EventLog(this.db), this.#start)
  }

  async ofPair(a: Address, b: Address): Promise<PairEvent[]> {
    return (await this.all()).filter(({ actor, target }) => isPair(actor, target, a, b))
  }

  /** Rows of a table. */
  async count(table: 'pair' | 'pair_event'): Promise<number> {
    const statement = { name: `count ${table}`, text: `select count(*) from ${table}` }
    const [row] = await this.db.retryableRows<[number]>(statement, [])
    return row?.[0] ?? 0
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.db.close()
  }
}

/** Starts the service over a PostgreSQL database of its own, with a reader beside it that ends with it. */
export async function startWithLog(settings: Record<string, string> = {}, overrides: Overrides = {}) {
  const url = await freshPostgres()
  const env = await Env.start({ DATABASE_URL: url, ...settings }, overrides)
  const log = await LogReader.open(url)
  env.onStop(() => log[Symbol.asyncDispose]())
  return { env, log }
}

function isPair(actor: Address, target: Address, a: Address, b: Address): boolean {
  return (actor === a && target === b) || (actor === b && target === a)
}
