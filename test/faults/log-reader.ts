import { type Address, orderedPair } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { Database } from '../../src/storage/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { LIMITS, silent } from '../env/databases.ts'

/** What the database of a running service holds, read beside the service. */
export class LogReader implements AsyncDisposable {
  readonly db: Database

  private constructor(db: Database) {
    this.db = db
  }

  static async open(url: string): Promise<LogReader> {
    return new LogReader(await Database.open({ ...LIMITS, poolSize: 1, url }, silent))
  }

  /** Every event, oldest first. */
  async all(): Promise<readonly PairEvent[]> {
    return (await new EventLog(this.db).after(0, [], 1_000_000)).events
  }

  async ofPair(a: Address, b: Address): Promise<PairEvent[]> {
    return (await this.all()).filter(({ actor, target }) => isPair(actor, target, a, b))
  }

  async rows(a: Address, b: Address): Promise<number> {
    const { lo, hi } = orderedPair(a, b)
    const statement = { name: 'rows', text: 'select count(*) from pair where lo = $1 and hi = $2' }
    const [row] = await this.db.rows<[number]>(statement, [lo, hi], { idempotent: true })
    return row?.[0] ?? 0
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.db.close()
  }
}

function isPair(actor: Address, target: Address, a: Address, b: Address): boolean {
  return (actor === a && target === b) || (actor === b && target === a)
}
